import LinuxKit
import Sandboxing

/// A sandbox and the kernels in it.
final class KeptSandbox {
    let name: String
    let sandbox: Sandbox
    let groups: CgroupTree
    var kernels: Set<String> = []
    /// How PID 1 ended, once it has.
    var exit: ExitStatus?
    /// Whether the keeper ended it.
    var isEnding = false
    var watch: EventLoop.Watch?

    init(name: String, sandbox: Sandbox, groups: CgroupTree) {
        self.name = name
        self.sandbox = sandbox
        self.groups = groups
    }

    func end() {
        isEnding = true
        sandbox.end()
    }
}
