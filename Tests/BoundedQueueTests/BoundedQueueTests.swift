import Testing

@testable import BoundedQueue

/// What waits between any thread and a reader.
@Suite struct BoundedQueueTests {
    private static func queue(room: Int = 10, limit: Int = .max) -> BoundedQueue<Int> {
        BoundedQueue(.init(room: room, limit: limit)) { $0 }
    }

    @Test func isFullUntilSomethingIsTaken() async {
        let queue = Self.queue()
        #expect(queue.offer(12))
        #expect(queue.isFull && !queue.offer(1))
        #expect(await queue.next() == [12])
        #expect(!queue.isFull && queue.offer(1))
    }

    @Test func whoDoesNotReadIsSentAway() async {
        let queue = Self.queue(limit: 20)
        for _ in 0..<3 { queue.push(10) }
        #expect(!queue.isFinished)
        queue.push(1)
        #expect(queue.isFinished)
        await queue.end()
        #expect(await queue.next() == [10, 10, 10], "what was there is there")
        #expect(await queue.next() == nil)
    }

    @Test func theEndWakesBoth() async {
        let queue = Self.queue()
        async let taken = queue.next()
        async let end: Void = queue.end()
        queue.finish()
        #expect(await taken == nil)
        await end
        #expect(queue.offer(99), "nobody misses what comes after the end")
        #expect(await queue.next() == nil)
    }

    @Test func whatWaitsCanBeThrownAway() async {
        let queue = Self.queue()
        queue.push(1)
        queue.finish(isLost: true)
        #expect(queue.isLost)
        #expect(await queue.next() == nil)
    }

    @Test func aReaderThatIsCancelledEnds() async {
        let queue = Self.queue()
        let reader = Task { await queue.next() }
        let waiter = Task { await queue.end() }
        reader.cancel()
        #expect(await reader.value == nil)
        await waiter.value
    }
}
