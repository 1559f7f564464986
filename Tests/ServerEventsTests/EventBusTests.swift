import BoundedQueue
import JupyterProtocol
import Testing

@testable import ServerEvents

/// Who hears what.
@Suite struct EventBusTests {
    private let event = ServerEvent(schema: "s", data: ["a": 1])

    @Test func everybodyHears() async throws {
        let bus = EventBus()
        bus.tell(event)
        let (first, second) = (bus.subscribe(), bus.subscribe())
        bus.tell(event)
        for subscription in [first, second] {
            let events = try #require(await subscription.next())
            #expect(try events.map { try JSONValue(parsing: $0) } == [["schema_id": "s", "a": 1]])
        }
    }

    @Test func whoTakesNothingIsLetGo() async {
        let bus = EventBus()
        let (slow, other) = (bus.subscribe(), bus.subscribe())
        let large = ServerEvent(schema: "s", data: ["a": .string(String(repeating: "x", count: 100_000))])
        for _ in 0..<20 {
            bus.tell(large)
            #expect(await other.next() != nil)
        }
        var count = 0
        while let events = await slow.next() { count += events.count }
        #expect(count == 10)
    }

    @Test func aCancelledReaderHearsTheEnd() async {
        let subscription = EventBus().subscribe()
        let reader = Task { await subscription.next() }
        reader.cancel()
        #expect(await reader.value == nil)
    }
}
