import Testing
import Tracing

@testable import OTLPTracing

@Suite struct TraceContextTests {
    private let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func isReadAndWritten() throws {
        let context = try #require(TraceContext(traceparent: text, state: "a=b"))
        #expect(context.traceText == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanText == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.traceparent == text)
    }

    @Test func laterVersionsMayHaveMore() throws {
        let later = try #require(TraceContext(traceparent: "cc" + text.dropFirst(2) + "-more"))
        #expect(later.traceparent == text)
        let unsampled = try #require(TraceContext(traceparent: String(text.dropLast(2) + "06")))
        #expect(!unsampled.isSampled)
    }

    @Test(arguments: [
        "", "00", "00-0-0-0", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "+0-" + String(repeating: "a", count: 32),
    ])
    func whatIsNoneIsIgnored(_ text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func passesThroughATracer() throws {
        struct Members: Extractor, Injector {
            func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
            func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
                carrier[key] = value
            }
        }
        let tracer = OTLPTracer(SpanQueue())
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": text, "tracestate": "a=b"], into: &context, using: Members())
        let span = tracer.startSpan("child", context: context)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: Members())
        let child = try #require(TraceContext(traceparent: headers["traceparent"] ?? ""))
        #expect(child.trace == context.trace?.trace)
        #expect(child.span != context.trace?.span)
        #expect(headers["tracestate"] == "a=b")
    }
}
