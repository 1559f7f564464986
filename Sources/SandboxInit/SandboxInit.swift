import CLinux
import Glibc

/// PID 1 of a sandbox.
///
/// It holds the lifeline: the keeper's death, or its wish, is an end of file, PID 1 ends, and the kernel
/// ends everything else in the pid namespace (pid_namespaces(7)). It needs no handler for its children:
/// with SIGCHLD ignored the kernel reaps them.
public enum SandboxInit {
    /// The descriptor of the lifeline.
    private static let lifeline: Int32 = 3

    /// Lives until the lifeline ends. Never returns.
    public static func run() -> Never {
        // Nothing inside may read PID 1's memory or descriptors through /proc/1 (proc(5), PR_SET_DUMPABLE).
        _ = clinux_set_dumpable(false)
        _ = clinux_set_process_name("husk-init")
        _ = clinux_ignore_signal(SIGCHLD)
        var byte: UInt8 = 0
        while true {
            guard clinux_rest(lifeline, -1) > 0 else { continue }
            let count = read(lifeline, &byte, 1)
            if count > 0 || (count < 0 && errno == EINTR) { continue }
            _exit(0)
        }
    }
}
