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
        let bell = try EventCounter()
        try here.send([1, 2, 3], descriptors: [bell.descriptor.number])
        guard var received = try there.receive() else { throw SystemError("receive", EPIPE) }
        #expect(received.bytes == [1, 2, 3])
        guard let passed = received.descriptors.take(0) else { throw SystemError("take", EBADF) }
        let far = EventCounter(adopting: passed)
        far.ring()
        #expect(bell.silence())
        #expect(!bell.silence())
        #expect(fcntl(far.descriptor.number, F_GETFD) & FD_CLOEXEC != 0)
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
        #expect(ftruncate(file.number, 4096) == -1)
        #expect(errno == EPERM)
        #expect(ftruncate(file.number, 16384) == -1)
        let mapping = try MemoryMapping(file, count: 8192)
        #expect(mapping.count == 8192)
    }
}
