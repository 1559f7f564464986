import JupyterProtocol

/// The framing `v1.kernel.websocket.jupyter.org`: a table of offsets, the channel's name, and the parts.
enum Version1Framing {
    /// Offsets of a message without buffers: channel, header, parent header, metadata, content, and the end.
    private static let fewestOffsets = 6

    static func decode(_ bytes: [UInt8]) throws(KernelWebSocketError) -> KernelWebSocketMessage {
        guard let count = bytes.littleEndian(at: 0) else { throw .offsets }
        guard count >= fewestOffsets, count <= KernelFraming.maximumParts else { throw .partCount(count) }
        var bounds: [Int] = []
        for index in 1...Int(count) {
            guard let offset = bytes.littleEndian(at: 8 * index), offset <= UInt64(bytes.count) else { throw .offsets }
            bounds.append(Int(offset))
        }
        let parts = try bytes.parts(between: bounds, behind: 8 * (Int(count) + 1))
        return try KernelWebSocketMessage(
            channel: parts[0].isEmpty ? nil : String(decoding: parts[0], as: UTF8.self), header: parts[1],
            parentHeader: parts[2], metadata: parts[3], content: parts[4], buffers: Array(parts[5...]))
    }

    static func encode(_ message: KernelWebSocketMessage) -> [UInt8] {
        let wire = message.message
        let parts =
            [Array(message.channel.rawValue.utf8), wire.header.raw, wire.parentHeader, wire.metadata, wire.content]
            + wire.buffers
        var offset = 8 * (parts.count + 2)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(offset) { $0 + $1.count })
        bytes.append(littleEndian: UInt64(parts.count + 1))
        bytes.append(littleEndian: UInt64(offset))
        for part in parts {
            offset += part.count
            bytes.append(littleEndian: UInt64(offset))
        }
        for part in parts { bytes.append(contentsOf: part) }
        return bytes
    }
}
