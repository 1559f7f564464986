import CLinux
import Glibc

/// A doorbell between two processes or threads (eventfd(2)): rings coalesce and never fill up.
public struct EventCounter: ~Copyable, Sendable {
    /// The descriptor to wait on; readable while a ring is pending.
    public let descriptor: OwnedDescriptor

    /// Makes a new, silent bell.
    public init() throws(SystemError) {
        descriptor = OwnedDescriptor(adopting: try SystemError.check("eventfd", clinux_eventfd()))
    }

    /// Takes over a bell that came from another process.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Rings. Never blocks: a counter at its maximum is ringing already.
    public borrowing func ring() {
        var one: UInt64 = 1
        _ = write(descriptor.number, &one, 8)
    }

    /// Silences the bell. Returns whether it had rung.
    @discardableResult
    public borrowing func silence() -> Bool {
        var count: UInt64 = 0
        return read(descriptor.number, &count, 8) == 8
    }
}
