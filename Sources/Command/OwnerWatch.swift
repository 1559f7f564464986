import LinuxKit

/// The owner's process, held as long as it is watched.
final class OwnerWatch {
    let process: ProcessHandle
    var watch: EventLoop.Watch?

    init(_ process: consuming ProcessHandle) {
        self.process = process
    }
}
