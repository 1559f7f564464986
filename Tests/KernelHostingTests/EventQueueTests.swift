import BoundedQueue
import JupyterProtocol
import Testing

@testable import KernelHosting

/// Events between a kernel's thread and a client.
@Suite struct EventQueueTests {
    private static func event(_ sequence: UInt64, bytes: Int = 0) -> KernelEvent {
        let header = MessageHeader(id: "m", session: "s", username: "u", date: "d", type: "stream")
        let content = [UInt8](repeating: UInt8(ascii: " "), count: bytes)
        return KernelEvent(
            channel: .iopub, message: WireMessage(identities: [], header: header, content: content), sequence: sequence)
    }

    @Test func inOrder() async {
        let queue = EventQueue()
        for sequence: UInt64 in 1...3 { #expect(queue.offer(Self.event(sequence))) }
        #expect(await queue.next()?.map(\.sequence) == [1, 2, 3])
        queue.finish()
        #expect(await queue.next() == nil)
    }

    @Test func whatIsThereComesBeforeTheEnd() async {
        let queue = EventQueue()
        queue.push(Self.event(1))
        queue.finish()
        #expect(await queue.next()?.map(\.sequence) == [1])
        #expect(await queue.next() == nil)
    }

    @Test func isBounded() async {
        let queue = EventQueue()
        #expect(queue.offer(Self.event(1, bytes: 3 << 20)))
        #expect(!queue.offer(Self.event(2, bytes: 3 << 20)))
        // An answer is asked for, and always has room.
        queue.push(Self.event(3))
        #expect(await queue.next()?.map(\.sequence) == [1, 3])
        #expect(queue.offer(Self.event(4, bytes: 9 << 20)), "one message is taken however large it is")
    }

    @Test func waits() async {
        let queue = EventQueue()
        async let taken = queue.next()
        queue.push(Self.event(7))
        #expect(await taken?.map(\.sequence) == [7])
    }

    @Test func aReaderThatIsCancelledEnds() async {
        let queue = EventQueue()
        let reader = Task { await queue.next() }
        reader.cancel()
        #expect(await reader.value == nil)
    }

    @Test func positionsOfClients() {
        var record = KernelRecord(id: "k", origin: KernelOrigin(spec: "python3"))
        let isNews = [record.note("a", has: 5), record.note("a", has: 5)]
        #expect(isNews == [true, false])
        for number in 0..<64 { _ = record.note("c\(number)", has: 1) }
        #expect(record.positions["a"] == nil, "the oldest one is forgotten")
        #expect(record.positions.count == 64)
    }
}
