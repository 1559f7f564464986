public import Tracing

/// Makes spans and passes them on to a queue; their context is that of W3C's headers.
public struct OTLPTracer: Tracer {
    let queue: SpanQueue

    /// Makes spans that go into a queue.
    public init(_ queue: SpanQueue) {
        self.queue = queue
    }

    /// See the protocol that requires it.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.trace
        let own = TraceContext(
            trace: parent?.trace ?? UInt128.random(in: 1...UInt128.max), span: UInt64.random(in: 1...UInt64.max),
            isSampled: parent?.isSampled ?? true, state: parent?.state ?? "")
        context.trace = own
        let record = SpanRecord(
            name: operationName, context: own, parent: parent?.span, kind: kind,
            began: instant().nanosecondsSinceEpoch)
        return OTLPSpan(record, in: context, queue: own.isSampled ? queue : nil)
    }

    /// See the protocol that requires it.
    public func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    /// See the protocol that requires it.
    public func forceFlush() { queue.wake() }

    /// See the protocol that requires it.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier) ?? ""
        if let trace = TraceContext(traceparent: parent, state: state) { context.trace = trace }
    }

    /// See the protocol that requires it.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if !trace.state.isEmpty { injector.inject(trace.state, forKey: "tracestate", into: &carrier) }
    }
}
