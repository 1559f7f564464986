import JupyterProtocol
import Testing
import Tracing

@testable import OTLPTracing

@Suite struct SpanTests {
    private struct Broken: Error {}

    /// The spans of a message.
    private func spans(_ queue: SpanQueue) throws -> [JSONValue] {
        let message = try JSONValue(parsing: OTLPMessage.encode(queue.take(), of: ["service.name": "test"]))
        let resource = try #require(message["resourceSpans"]?.arrayValue?.first)
        #expect(
            resource["resource"] == ["attributes": [["key": "service.name", "value": ["stringValue": "test"]]]])
        return try #require(resource["scopeSpans"]?.arrayValue?.first?["spans"]?.arrayValue)
    }

    @Test func children() throws {
        let queue = SpanQueue()
        let tracer = OTLPTracer(queue)
        #expect(throws: Broken.self) {
            try tracer.withSpan("parent", ofKind: .server) { _ in
                try tracer.withSpan("child") { _ in throw Broken() }
            }
        }
        let spans = try spans(queue)
        #expect(spans.map { $0["name"] } == ["child", "parent"])
        #expect(spans[0]["parentSpanId"] == spans[1]["spanId"])
        #expect(spans[0]["traceId"] == spans[1]["traceId"])
        #expect(spans[1]["parentSpanId"] == nil)
        #expect(spans.map { $0["kind"] } == [1, 2])
        #expect(spans[0]["status"]?["code"] == 2)
        #expect(spans[0]["events"]?.arrayValue?.first?["name"] == "exception")
    }

    @Test func attributes() throws {
        let queue = SpanQueue()
        let span = OTLPTracer(queue).startSpan("a", context: .topLevel)
        span.attributes["text"] = "b"
        span.attributes["count"] = 3
        span.attributes["ratio"] = 0.5
        span.attributes["flag"] = true
        span.attributes["list"] = ["x", "y"]
        span.end()
        span.attributes["late"] = "no"
        span.end()
        let found = try #require(try spans(queue).first?["attributes"])
        #expect(
            found == [
                ["key": "count", "value": ["intValue": "3"]], ["key": "flag", "value": ["boolValue": true]],
                [
                    "key": "list",
                    "value": ["arrayValue": ["values": [["stringValue": "x"], ["stringValue": "y"]]]],
                ],
                ["key": "ratio", "value": ["doubleValue": 0.5]], ["key": "text", "value": ["stringValue": "b"]],
            ])
        #expect(queue.take().isEmpty)
    }

    @Test func muchIsCut() throws {
        let queue = SpanQueue()
        let span = OTLPTracer(queue).startSpan(String(repeating: "é", count: 9999), context: .topLevel)
        for _ in 0..<200 { span.addEvent("tick") }
        for number in 0..<200 { span.attributes["a\(number)"] = number }
        span.end()
        let found = try #require(try spans(queue).first)
        #expect((found["name"]?.stringValue?.utf8.count ?? 0) <= 4096)
        #expect(found["events"]?.arrayValue?.count == 128)
        #expect(found["droppedEventsCount"] == 72)
        #expect(found["attributes"]?.arrayValue?.count == 128)
        #expect(found["droppedAttributesCount"] == 72)
    }

    @Test func whatIsNotSampledIsNotKept() {
        let queue = SpanQueue()
        let tracer = OTLPTracer(queue)
        var context = ServiceContext.topLevel
        context.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
        let span = tracer.startSpan("a", context: context)
        #expect(!span.isRecording)
        #expect(span.context.trace?.isSampled == false)
        span.end()
        #expect(queue.take().isEmpty)
    }

    @Test func theQueueIsBounded() {
        let queue = SpanQueue()
        let tracer = OTLPTracer(queue)
        for _ in 0..<(SpanQueue.capacity + 10) { tracer.startSpan("a", context: .topLevel).end() }
        var count = 0
        while case let taken = queue.take(), !taken.isEmpty {
            #expect(taken.count <= SpanQueue.batch)
            count += taken.count
        }
        #expect(count == SpanQueue.capacity)
    }

    @Test(.timeLimit(.minutes(1))) func theEndIsNotWaitedFor() async {
        let queue = SpanQueue()
        async let isLast = queue.pause(.seconds(3600))
        queue.finish()
        #expect(await isLast)
    }

    @Test(arguments: ["", "nonsense", "ftp://a/b", "/v1/traces"])
    func addressesThatAreNone(_ text: String) {
        #expect(throws: OTLPError.badAddress(text)) { try OTLPCollector(url: text) }
    }
}
