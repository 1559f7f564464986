import JupyterProtocol

/// The framing without a name, for clients that offer no subprotocol.
enum LegacyFraming {
    private static let names: Set<String> = [
        "header", "parent_header", "metadata", "content", "channel", "buffers",
    ]

    static func decode(text: [UInt8]) throws(KernelWebSocketError) -> KernelWebSocketMessage {
        try parse(text, buffers: [])
    }

    static func decode(binary bytes: [UInt8]) throws(KernelWebSocketError) -> KernelWebSocketMessage {
        guard let count = bytes.bigEndian(at: 0) else { throw .offsets }
        guard count >= 1, count <= KernelFraming.maximumParts else { throw .partCount(UInt64(count)) }
        var bounds: [Int] = []
        for index in 1...Int(count) {
            guard let offset = bytes.bigEndian(at: 4 * index) else { throw .offsets }
            bounds.append(Int(offset))
        }
        bounds.append(bytes.count)
        let parts = try bytes.parts(between: bounds, behind: 4 * (Int(count) + 1))
        return try parse(parts[0], buffers: Array(parts[1...]))
    }

    private static func parse(
        _ json: [UInt8], buffers: [[UInt8]]
    ) throws(KernelWebSocketError) -> KernelWebSocketMessage {
        let found: [String: ArraySlice<UInt8>]?
        do { found = try JSONMembers.values(of: names, in: json) } catch {
            throw .message(.notJSON(part: "text", "\(error)"))
        }
        guard let found else { throw .message(.notAnObject(part: "text")) }
        guard let header = found["header"] else { throw .message(.notAnObject(part: "header")) }
        if let inline = found["buffers"], buffers.isEmpty, !isNothing(inline) { throw .buffersInText }
        return try KernelWebSocketMessage(
            channel: try channel(found["channel"]), header: Array(header),
            parentHeader: found["parent_header"].map { Array($0) }, metadata: found["metadata"].map { Array($0) },
            content: found["content"].map { Array($0) }, buffers: buffers)
    }

    private static func channel(_ json: ArraySlice<UInt8>?) throws(KernelWebSocketError) -> String? {
        guard let json else { return nil }
        switch try? JSONValue(parsing: Array(json.prefix(64))) {
        case .string(let name): return name
        case .null: return nil
        default: throw .channel(String(decoding: json.prefix(64), as: UTF8.self))
        }
    }

    /// Whether a text says that there are no buffers; some clients say it with an object.
    private static func isNothing(_ json: ArraySlice<UInt8>) -> Bool {
        switch try? JSONValue(parsing: Array(json.prefix(64))) {
        case .array([]), .object([:]), .null: true
        default: false
        }
    }

    static func encode(_ message: KernelWebSocketMessage) throws(KernelWebSocketError) -> WebSocketPayload {
        let parts = message.message
        var json: [UInt8] = []
        json.reserveCapacity(
            parts.header.raw.count + parts.parentHeader.count + parts.metadata.count + parts.content.count + 256)
        func append(_ name: String, _ value: [UInt8]) {
            json.append(contentsOf: "\(json.isEmpty ? "{" : ",")\"\(name)\":".utf8)
            json.append(contentsOf: value)
        }
        func append(_ name: String, text: String) {
            append(name, [])
            JSONText.append(text, to: &json)
        }
        append("header", parts.header.raw)
        // Not part of the protocol, but Jupyter Server has them, and clients read them.
        append("msg_id", text: parts.header.id)
        append("msg_type", text: parts.header.type)
        append("parent_header", parts.parentHeader)
        append("metadata", parts.metadata)
        append("content", parts.content)
        if parts.buffers.isEmpty { append("buffers", Array("[]".utf8)) }
        append("channel", text: message.channel.rawValue)
        json.append(UInt8(ascii: "}"))
        return parts.buffers.isEmpty ? .text(json) : .binary(try binary(json, parts.buffers))
    }

    private static func binary(_ json: [UInt8], _ buffers: [[UInt8]]) throws(KernelWebSocketError) -> [UInt8] {
        var offset = 4 * (buffers.count + 2)
        let total = buffers.reduce(offset + json.count) { $0 + $1.count }
        guard total <= UInt32.max else { throw .tooLong }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(total)
        bytes.append(bigEndian: UInt32(buffers.count + 1))
        for part in [json] + buffers {
            bytes.append(bigEndian: UInt32(offset))
            offset += part.count
        }
        bytes.append(contentsOf: json)
        for buffer in buffers { bytes.append(contentsOf: buffer) }
        return bytes
    }
}
