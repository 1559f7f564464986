import Tracing

/// What is known of a span.
struct SpanRecord: Sendable {
    /// How many attributes, events and links a span may have. What comes after them is not kept.
    static let most = 128

    var name: String
    let context: TraceContext
    let parent: UInt64?
    let kind: SpanKind
    /// Nanoseconds since 1970.
    let began: UInt64
    /// Nanoseconds since 1970; nil while it lasts.
    var ended: UInt64?
    var attributes: SpanAttributes = [:]
    var events: [SpanEvent] = []
    var links: [SpanLink] = []
    var droppedEvents = 0
    var droppedLinks = 0
    var status: SpanStatus?

    mutating func add(_ event: SpanEvent) {
        if events.count < SpanRecord.most { events.append(event) } else { droppedEvents += 1 }
    }

    mutating func add(_ link: SpanLink) {
        if links.count < SpanRecord.most { links.append(link) } else { droppedLinks += 1 }
    }
}
