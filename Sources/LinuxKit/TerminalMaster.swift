import CLinux
import Glibc

/// The master of a pseudoterminal (pty(7)): what a user types goes in, and what programs show comes out.
public struct TerminalMaster: ~Copyable, Sendable {
    /// What reading has brought.
    public enum Reading: Hashable, Sendable {
        /// Bytes that programs have written.
        case bytes([UInt8])
        /// There are none now.
        case nothing
        /// No program has the terminal any more.
        case end
    }

    /// The descriptor to wait on; it does not block.
    public let descriptor: OwnedDescriptor

    /// Takes over a master.
    public init(adopting descriptor: consuming OwnedDescriptor) throws(SystemError) {
        try descriptor.setNonBlocking(true)
        self.descriptor = descriptor
    }

    /// Reads what there is, up to `count` bytes.
    public borrowing func read(upTo count: Int) -> Reading {
        var buffer = [UInt8](repeating: 0, count: count)
        let taken = Glibc.read(descriptor.number, &buffer, count)
        if taken > 0 { return .bytes(Array(buffer.prefix(taken))) }
        if taken < 0, errno == EAGAIN || errno == EINTR { return .nothing }
        // EIO: the last program has closed it.
        return .end
    }

    /// Types bytes. Returns how many there was room for.
    public borrowing func write(_ bytes: some Collection<UInt8>) -> Int {
        let bytes = Array(bytes)
        return max(0, Glibc.write(descriptor.number, bytes, bytes.count))
    }

    /// Tells programs how many characters are shown of it.
    public borrowing func resize(rows: UInt16, columns: UInt16) {
        _ = clinux_set_terminal_size(descriptor.number, rows, columns)
    }
}
