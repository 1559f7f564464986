import Glibc
import LinuxKit
import Testing

@Suite("Messages and descriptors between processes")
struct MessageSocketTests {
    @Test("A message arrives whole, with a descriptor that works")
    func passesDescriptor() throws {
        var pair = try MessageSocket.pair()
        let here = pair.take()
        let there = pair.take()
        let (ours, theirs) = try Bell.make()
        let bell = Bell(adopting: try ours.descriptor.duplicate())
        try here.send([1, 2, 3], descriptors: [theirs.descriptor.number])
        guard var received = try there.receive() else { throw SystemError("receive", EPIPE) }
        #expect(received.bytes == [1, 2, 3])
        guard let passed = received.descriptors.take(0) else { throw SystemError("take", EBADF) }
        let far = BellButton(adopting: passed)
        far.ring()
        let rang = bell.silence()
        let ringsOn = bell.silence()
        #expect(rang && !ringsOn)
        let flags = fcntl(far.descriptor.number, F_GETFD)
        #expect(flags & FD_CLOEXEC != 0)
    }

    @Test("The end of file is nil")
    func endOfFile() throws {
        var pair = try MessageSocket.pair()
        let here = pair.take()
        let there = pair.take()
        _ = consume here
        let ended = try there.receive() == nil
        #expect(ended)
    }
}

extension MessageSocketTests {
    @Test("A sealed memory file can neither shrink nor grow")
    func sealed() throws {
        let file = try MemoryFile.sealedSize(name: "test", size: 8192)
        let shrunk = ftruncate(file.number, 4096)
        let reason = errno
        let grown = ftruncate(file.number, 16384)
        #expect(shrunk == -1 && reason == EPERM && grown == -1)
        let mapping = try MemoryMapping(file, count: 8192)
        let count = mapping.count
        #expect(count == 8192)
    }
}
