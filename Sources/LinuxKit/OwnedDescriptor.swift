import CLinux
import Glibc

/// A file descriptor with exactly one owner, closed when its owner lets it go.
///
/// A leaked or twice-closed descriptor is then a compile error rather than a race at run time. All
/// descriptors that LinuxKit makes are close-on-exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    private let raw: Int32

    /// Takes over a descriptor that the caller has just received or created.
    public init(adopting raw: Int32) {
        precondition(raw >= 0, "not a descriptor: \(raw)")
        self.raw = raw
    }

    deinit {
        // Linux gives the number back even when close reports EINTR (close(2)), so never again.
        _ = Glibc.close(raw)
    }

    /// The number, for calls that neither close nor keep it.
    public var number: Int32 { raw }

    /// Gives up ownership, for an interface that closes the descriptor itself.
    public consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }

    /// A second close-on-exec descriptor for the same open file, numbered `lowest` or above.
    public borrowing func duplicate(atLeast lowest: Int32 = 0) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try SystemError.check("fcntl(F_DUPFD_CLOEXEC)", clinux_duplicate(raw, lowest)))
    }

    /// Whether a process that this one execs sees the descriptor.
    public borrowing func setCloseOnExec(_ on: Bool) throws(SystemError) {
        try SystemError.check("fcntl(F_SETFD)", clinux_set_close_on_exec(raw, on))
    }

    /// Whether reads and writes return at once.
    public borrowing func setNonBlocking(_ on: Bool) throws(SystemError) {
        try SystemError.check("fcntl(F_SETFL)", clinux_set_nonblocking(raw, on))
    }

    /// Blocks until there is something to read, or an end. Returns false when that takes longer.
    public borrowing func waitUntilReadable(atMost limit: Duration) throws(SystemError) -> Bool {
        let deadline = ContinuousClock.now + limit
        while true {
            let left = max(.zero, ContinuousClock.now.duration(to: deadline)) / .milliseconds(1)
            var waiting = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
            let count = poll(&waiting, 1, Int32(left.rounded(.up)))
            if count >= 0 { return count > 0 }
            guard errno == EINTR else { throw SystemError("poll", errno) }
        }
    }
}
