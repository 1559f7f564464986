import CLinux
import Glibc
import LinuxKit

/// A second process that outlives the keeper for as long as it takes to clean up after it.
///
/// A killed keeper closes every lifeline, so the sandboxes end by themselves; their control groups and files do
/// not. The undertaker is forked from the keeper and shares its memory, so it costs a few page tables.
enum Undertaker {
    /// Forks the undertaker. The keeper gets its handle, to start another one should it end.
    static func start(state: StateDirectory) throws(SystemError) -> ProcessHandle {
        var ends: [Int32] = [-1, -1]
        try SystemError.check("pipe", clinux_pipe(&ends))
        // The write end stays open in the keeper, unowned, until the keeper ends: its end is the message.
        let keeper = OwnedDescriptor(adopting: ends[0])
        var raw: Int32 = -1
        let pid = clinux_clone(0, -1, &raw)
        if pid == 0 { wait(for: clinux_duplicate(keeper.number, 64), state: state) }
        if pid < 0 { close(ends[1]) }
        try SystemError.check("clone3", pid)
        return ProcessHandle(adopting: OwnedDescriptor(adopting: raw))
    }

    private static func wait(for keeper: Int32, state: StateDirectory) -> Never {
        // Nothing of the keeper's may stay open here: not its end of the pipe, no lifeline, no listener.
        dup2(keeper, 3)
        _ = clinux_close_range(4, UInt32.max, false)
        _ = clinux_set_process_name("husk-undertaker")
        for signal in [SIGINT, SIGTERM, SIGHUP] { _ = clinux_ignore_signal(signal) }
        setsid()
        var byte: UInt8 = 0
        while read(3, &byte, 1) != 0 {}
        // A keeper that ended in order has cleaned up and let the lock go; a new one may have it already.
        if access(state.path, F_OK) == 0, let lock = try? state.acquire() {
            state.removeAll()
            _ = consume lock
        }
        _exit(0)
    }
}
