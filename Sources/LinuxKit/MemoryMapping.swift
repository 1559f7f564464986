import CLinux
import Glibc

/// A shared, writable mapping of a file, unmapped when its owner lets it go.
///
/// What stands in it may change under the reader's eyes when another process has it too: copy before
/// validating.
public struct MemoryMapping: ~Copyable, @unchecked Sendable {
    /// The first byte. Valid for `count` bytes and as long as the mapping lives.
    public let base: UnsafeMutableRawPointer
    /// The length in bytes.
    public let count: Int

    /// Maps the first `count` bytes of a file.
    public init(_ descriptor: borrowing OwnedDescriptor, count: Int) throws(SystemError) {
        guard count > 0, let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0),
            base != MAP_FAILED
        else { throw SystemError("mmap", count > 0 ? Glibc.errno : EINVAL) }
        self.base = base
        self.count = count
    }

    deinit {
        munmap(base, count)
    }
}
