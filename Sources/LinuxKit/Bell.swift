import CLinux
import Glibc

/// The hearing end of a doorbell between two processes (pipe(7)).
///
/// Each end is an open file description of its own. An eventfd is one for both sides, and so is its O_NONBLOCK
/// (open(2)): who clears the flag on one side makes the other wait.
public struct Bell: ~Copyable, Sendable {
    private static let capacity = 4096

    /// The descriptor to wait on; readable while a ring is pending.
    public let descriptor: OwnedDescriptor

    /// Takes over an end that came from another process.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Makes a new, silent bell and the button that rings it. Neither end ever blocks.
    public static func make() throws(SystemError) -> (bell: OwnedDescriptorBox, button: OwnedDescriptorBox) {
        let (bell, button) = try Pipe.make()
        try bell.descriptor.setNonBlocking(true)
        try button.descriptor.setNonBlocking(true)
        // A user's pipes may hold so many pages in all (pipe(7)); a bell needs one.
        try SystemError.check("fcntl(F_SETPIPE_SZ)", clinux_set_pipe_size(button.descriptor.number, Int32(capacity)))
        return (bell, button)
    }

    /// Silences the bell. Returns whether it had rung.
    @discardableResult
    public borrowing func silence() -> Bool {
        // One read, however many rings there are: who rings without end must not keep the caller here.
        withUnsafeTemporaryAllocation(byteCount: Bell.capacity, alignment: 1) { rings in
            read(descriptor.number, rings.baseAddress, rings.count) > 0
        }
    }
}

/// The other end of a ``Bell``.
public struct BellButton: ~Copyable, Sendable {
    /// The descriptor that is written to.
    public let descriptor: OwnedDescriptor

    /// Takes over an end that came from another process.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Rings. Never blocks: a bell that is full of rings is ringing already.
    public borrowing func ring() {
        var ring: UInt8 = 1
        _ = write(descriptor.number, &ring, 1)
    }
}
