import JupyterProtocol
import KernelHosting

/// How events are written in the body of an answer.
enum EventEncoding: Hashable, Sendable {
    /// One JSON object a line.
    case lines
    /// Server-sent events (HTML, section 9.2); the id is the sequence.
    case serverSent

    /// What a client wants, by its `Accept`: lines unless it names the other.
    init(accept: String?) {
        self = EventEncoding.named(in: accept) ?? .lines
    }

    /// The encoding that an `Accept` names; nil when it names none.
    static func named(in accept: String?) -> EventEncoding? {
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            // Of weight 0: everything but this one (RFC 9110, section 12.4.2).
            if parts.dropFirst().contains(where: { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }) { continue }
            switch parts.first {
            case "text/event-stream": return .serverSent
            case "application/x-ndjson": return .lines
            default: continue
            }
        }
        return nil
    }

    var mediaType: String { self == .lines ? "application/x-ndjson" : "text/event-stream" }

    func encode(_ event: KernelEvent) -> [UInt8] {
        let json = EventEncoding.json(event)
        switch self {
        case .lines: return json + [UInt8(ascii: "\n")]
        case .serverSent:
            let name = event.dropped > 0 ? "event: truncated\n" : ""
            return Array("\(name)id: \(event.sequence)\ndata: ".utf8) + json + Array("\n\n".utf8)
        }
    }

    private static func json(_ event: KernelEvent) -> [UInt8] {
        if event.dropped > 0 {
            return Array("{\"type\":\"truncated\",\"seq\":\(event.sequence),\"dropped\":\(event.dropped)}".utf8)
        }
        let message = event.message
        var json = Array("{\"seq\":\(event.sequence),\"channel\":\"\(event.channel)\"".utf8)
        for (name, value) in [
            ("header", message.header.raw), ("parent_header", message.parentHeader), ("metadata", message.metadata),
            ("content", message.content),
        ] {
            json.append(contentsOf: ",\"\(name)\":".utf8)
            // Outside texts line ends are spaces, and within them JSON does not have them.
            json.append(contentsOf: value.lazy.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
        }
        let buffers = message.buffers.map { "\"\(Base64.encode($0, inLines: false))\"" }
        json.append(contentsOf: ",\"buffers\":[\(buffers.joined(separator: ","))]}".utf8)
        return json
    }
}
