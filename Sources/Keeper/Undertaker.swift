import CLinux
import Glibc
import LinuxKit

/// A second process that outlives the keeper for as long as it takes to clean up after it.
///
/// A killed keeper closes every lifeline, so the sandboxes end by themselves; their control groups and files do
/// not. The first undertaker is the keeper's parent and a subreaper, so that it also inherits and reaps what the
/// keeper had not; should it be killed, the keeper forks another one, its child. Either shares the keeper's memory,
/// so it costs a few page tables.
enum Undertaker {
    /// Splits the process in two: what returns is the keeper, with a handle of its parent, the undertaker.
    static func split(state: StateDirectory) throws(SystemError) -> ProcessHandle {
        try SystemError.check("prctl(subreaper)", clinux_set_subreaper())
        let parent = try ProcessHandle(pid: getpid())
        var raw: Int32 = -1
        if try SystemError.check("clone3", clinux_clone(0, -1, &raw)) > 0 { wait(for: raw, state: state) }
        setsid()
        return parent
    }

    /// Forks an undertaker. The keeper gets its handle, to start another one should it end.
    static func start(state: StateDirectory) throws(SystemError) -> ProcessHandle {
        // Not a pipe: its end would be heard while the dying keeper still holds the directory's lock. A process handle
        // is readable when everything of the process has been let go (pidfd_open(2)).
        let keeper = try ProcessHandle(pid: getpid())
        var raw: Int32 = -1
        let pid = try SystemError.check("clone3", clinux_clone(0, -1, &raw))
        if pid == 0 { wait(for: clinux_duplicate(keeper.descriptor.number, 64), state: state) }
        return ProcessHandle(adopting: OwnedDescriptor(adopting: raw))
    }

    private static func wait(for keeper: Int32, state: StateDirectory) -> Never {
        // Nothing of the keeper's may stay open here: no lifeline, no listener.
        dup2(clinux_duplicate(keeper, 64), 3)
        _ = clinux_close_range(4, UInt32.max, false)
        _ = clinux_set_process_name("husk-undertaker")
        for signal in [SIGINT, SIGTERM, SIGHUP] { _ = clinux_ignore_signal(signal) }
        setsid()
        while clinux_rest(3, -1) < 1 {}
        // A keeper that ended in order has cleaned up and let the lock go; a new one may have it already.
        if access(state.path, F_OK) == 0, let lock = try? state.acquire() {
            state.removeAll()
            _ = consume lock
        }
        reap()
        _exit(0)
    }

    /// Collects what the keeper has left, which ends within moments of it.
    private static func reap() {
        for _ in 0..<400 {
            let pid = waitpid(-1, nil, WNOHANG)
            if pid < 0, errno == ECHILD { return }
            if pid == 0 { usleep(5000) }
        }
    }
}
