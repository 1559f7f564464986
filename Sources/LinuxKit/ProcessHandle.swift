import CLinux
import Glibc

/// A process by its pidfd, which no later process with the same number can be mistaken for (pidfd_open(2)).
public struct ProcessHandle: ~Copyable, Sendable {
    /// The descriptor to wait on: readable once the process has ended.
    public let descriptor: OwnedDescriptor

    /// Takes over a pidfd.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Opens a process by number. Throws ESRCH when there is none.
    public init(pid: Int32) throws(SystemError) {
        descriptor = OwnedDescriptor(
            adopting: try SystemError.check("pidfd_open", clinux_pidfd_open(pid), on: "\(pid)"))
    }

    /// Sends a signal; a process that has ended already is no error.
    public borrowing func send(signal: Int32) throws(SystemError) {
        let outcome = clinux_pidfd_send_signal(descriptor.number, signal)
        if outcome == -ESRCH { return }
        try SystemError.check("pidfd_send_signal", outcome)
    }

    /// Collects the ended child; nil while it runs.
    public borrowing func collect() throws(SystemError) -> ExitStatus? {
        var code: Int32 = 0
        var status: Int32 = 0
        let outcome = try SystemError.check("waitid", clinux_pidfd_wait(descriptor.number, &code, &status))
        guard outcome == 1 else { return nil }
        return code == Int32(CLD_EXITED) ? .exited(status) : .signalled(status)
    }
}
