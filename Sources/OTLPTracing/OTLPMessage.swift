import JupyterProtocol
import Tracing

/// Spans as the protocol's JSON has them (OpenTelemetry Protocol, "JSON Protobuf Encoding"): ids in hexadecimal, enums as
/// numbers, 64-bit integers as text.
enum OTLPMessage {
    /// Bytes of a text that are kept.
    private static let longest = 4096

    /// An `ExportTraceServiceRequest`.
    static func encode(_ spans: [SpanRecord], of resource: [String: String]) -> [UInt8] {
        let message: JSONValue = [
            "resourceSpans": [
                [
                    "resource": [
                        "attributes": .array(
                            resource.sorted { $0.key < $1.key }.map { attribute($0.key, .string($0.value)) })
                    ],
                    "scopeSpans": [["scope": ["name": "husk"], "spans": .array(spans.map(span))]],
                ]
            ]
        ]
        return message.encoded()
    }

    private static func span(_ span: SpanRecord) -> JSONValue {
        let (kept, dropped) = attributes(span.attributes)
        var members: [String: JSONValue] = [
            "traceId": .string(span.context.traceText), "spanId": .string(span.context.spanText),
            "name": .string(cut(span.name)), "kind": .integer(kind(span.kind)),
            "startTimeUnixNano": .string("\(span.began)"), "endTimeUnixNano": .string("\(span.ended ?? span.began)"),
            "attributes": kept, "droppedAttributesCount": .integer(dropped),
            "events": .array(span.events.map(event)), "droppedEventsCount": .integer(Int64(span.droppedEvents)),
            "links": .array(span.links.compactMap(link)), "droppedLinksCount": .integer(Int64(span.droppedLinks)),
            "flags": .integer(span.context.isSampled ? 1 : 0), "status": status(span.status),
        ]
        if let parent = span.parent { members["parentSpanId"] = .string(TraceContext.text(of: parent)) }
        if !span.context.state.isEmpty { members["traceState"] = .string(span.context.state) }
        return .object(members)
    }

    private static func kind(_ kind: SpanKind) -> Int64 {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func status(_ status: SpanStatus?) -> JSONValue {
        guard let status else { return [:] }
        let code: JSONValue = status.code == .ok ? 1 : 2
        return status.message.map { ["code": code, "message": .string(cut($0))] } ?? ["code": code]
    }

    private static func event(_ event: SpanEvent) -> JSONValue {
        let (kept, dropped) = attributes(event.attributes)
        return [
            "timeUnixNano": .string("\(event.nanosecondsSinceEpoch)"), "name": .string(cut(event.name)),
            "attributes": kept, "droppedAttributesCount": .integer(dropped),
        ]
    }

    private static func link(_ link: SpanLink) -> JSONValue? {
        guard let trace = link.context.trace else { return nil }
        return [
            "traceId": .string(trace.traceText), "spanId": .string(trace.spanText),
            "attributes": attributes(link.attributes).kept,
        ]
    }

    private static func attributes(_ attributes: SpanAttributes) -> (kept: JSONValue, dropped: Int64) {
        var all: [(String, SpanAttribute)] = []
        attributes.forEach { all.append(($0, $1)) }
        let kept = all.sorted { $0.0 < $1.0 }.prefix(SpanRecord.most)
        return (.array(kept.map { attribute($0.0, $0.1) }), Int64(all.count - kept.count))
    }

    private static func attribute(_ name: String, _ value: SpanAttribute) -> JSONValue {
        ["key": .string(name), "value": self.value(value)]
    }

    private static func value(_ value: SpanAttribute) -> JSONValue {
        switch value {
        case .string(let text): ["stringValue": .string(cut(text))]
        case .bool(let flag): ["boolValue": .bool(flag)]
        case .int32(let number): ["intValue": .string("\(number)")]
        case .int64(let number): ["intValue": .string("\(number)")]
        case .double(let number): ["doubleValue": number.isFinite ? .number(number) : .string("\(number)")]
        case .stringArray(let values): list(values.map { .string($0) })
        case .boolArray(let values): list(values.map { .bool($0) })
        case .int32Array(let values): list(values.map { .int32($0) })
        case .int64Array(let values): list(values.map { .int64($0) })
        case .doubleArray(let values): list(values.map { .double($0) })
        case .stringConvertible(let value): ["stringValue": .string(cut("\(value)"))]
        case .stringConvertibleArray(let values): list(values.map { .string("\($0)") })
        default: ["stringValue": ""]
        }
    }

    private static func list(_ values: [SpanAttribute]) -> JSONValue {
        ["arrayValue": ["values": .array(values.prefix(SpanRecord.most).map(value))]]
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= longest ? text : String(text.unicodeScalars.prefix(longest / 4))
    }
}
