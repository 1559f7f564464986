import AsyncHTTPClient
public import Logging
import Metrics

/// Sends the spans of a queue to a collector, some at a time.
public struct OTLPExporter: Sendable {
    /// How long spans wait for others.
    private static let interval: Duration = .seconds(1)
    /// How long a collector may take for a request.
    private static let patience: Duration = .seconds(5)
    /// How long all that is left may take at the end.
    private static let farewell: Duration = .seconds(5)
    /// How often the same spans are sent to a collector that is away.
    private static let attempts = 5

    private let queue: SpanQueue
    private let collector: OTLPCollector
    private let resource: [String: String]
    private let logger: Logger

    /// Exports the spans of a queue.
    ///
    /// - Parameter resource: who has made them (`service.name` and the like).
    public init(_ queue: SpanQueue, to collector: OTLPCollector, resource: [String: String], logger: Logger) {
        self.queue = queue
        self.collector = collector
        self.resource = resource
        self.logger = logger
    }

    /// Exports while something runs, and what is left when that has ended.
    public func whileRunning(_ body: @Sendable () async throws -> Void) async throws {
        var configuration = HTTPClient.Configuration()
        // What is sent to the collector is no part of anybody's trace.
        configuration.tracing.tracer = nil
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let export = Task { await run(client) }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        queue.finish()
        await export.value
        try? await client.shutdown()
        try result.get()
    }

    private func run(_ client: HTTPClient) async {
        var isLast = false
        var deadline: ContinuousClock.Instant?
        while !isLast {
            isLast = await queue.pause(OTLPExporter.interval)
            while case let spans = queue.take(), !spans.isEmpty {
                if queue.isFinished { deadline = deadline ?? .now + OTLPExporter.farewell }
                await send(spans, over: client, by: deadline)
            }
        }
    }

    private func send(_ spans: [SpanRecord], over client: HTTPClient, by deadline: ContinuousClock.Instant?) async {
        let message = OTLPMessage.encode(spans, of: resource)
        for attempt in 0..<OTLPExporter.attempts {
            let left = deadline.map { ContinuousClock.now.duration(to: $0) } ?? OTLPExporter.patience
            guard left > .zero else { break }
            switch await collector.send(message, over: client, within: left) {
            case .taken:
                Counter(label: "otlp_spans_exported_total").increment(by: spans.count)
                return
            case .refused: return drop(spans, "refuses")
            case .away(let seconds):
                // At the end there is no time to wait for it.
                if queue.isFinished { return drop(spans, "does not answer, or has no room for,") }
                _ = await queue.pause(.seconds(min(seconds ?? 1 << attempt, 30)))
            }
        }
        drop(spans, "does not answer, or has no room for,")
    }

    private func drop(_ spans: [SpanRecord], _ what: String) {
        queue.drop(spans.count)
        logger.warning("The collector at \(collector.url) \(what) \(spans.count) spans: they are dropped.")
    }
}
