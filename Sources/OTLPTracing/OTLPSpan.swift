import Synchronization
public import Tracing

/// A span that goes to the collector when it has ended, if its trace is kept.
public final class OTLPSpan: Span {
    /// See the protocol that requires it.
    public let context: ServiceContext
    private let record: Mutex<SpanRecord>
    private let queue: SpanQueue?

    init(_ record: SpanRecord, in context: ServiceContext, queue: SpanQueue?) {
        self.context = context
        self.queue = queue
        self.record = Mutex(record)
    }

    /// See the protocol that requires it.
    public var operationName: String {
        get { record.withLock { $0.name } }
        set { change { $0.name = newValue } }
    }

    /// See the protocol that requires it.
    public var attributes: SpanAttributes {
        get { record.withLock { $0.attributes } }
        set { change { $0.attributes = newValue } }
    }

    /// See the protocol that requires it.
    public var isRecording: Bool { queue != nil && record.withLock { $0.ended == nil } }

    /// See the protocol that requires it.
    public func setStatus(_ status: SpanStatus) {
        // That something went well is the last word.
        change { if $0.status?.code != .ok { $0.status = status } }
    }

    /// See the protocol that requires it.
    public func addEvent(_ event: SpanEvent) { change { $0.add(event) } }

    /// See the protocol that requires it.
    public func addLink(_ link: SpanLink) { change { $0.add(link) } }

    /// See the protocol that requires it.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var facts: SpanAttributes = [
            "exception.type": .string("\(type(of: error))"), "exception.message": .string("\(error)"),
        ]
        facts.merge(attributes)
        let event = SpanEvent(name: "exception", at: instant(), attributes: facts)
        change { record in
            record.add(event)
            if record.status == nil { record.status = SpanStatus(code: .error, message: "\(error)") }
        }
    }

    /// See the protocol that requires it.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let now = instant().nanosecondsSinceEpoch
        let ended: SpanRecord? = record.withLock { record in
            guard record.ended == nil else { return nil }
            record.ended = max(now, record.began)
            return record
        }
        if let ended { queue?.put(ended) }
    }

    private func change(_ body: (inout SpanRecord) -> Void) {
        record.withLock { record in
            if record.ended == nil { body(&record) }
        }
    }
}
