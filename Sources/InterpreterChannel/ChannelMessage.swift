/// A message between server and interpreter, put together from its fragments.
///
/// u32 number of parts, u32 length of each, the parts: type, header, metadata, content, buffers.
public struct ChannelMessage: Hashable, Sendable {
    /// The message type, for example `execute_reply`.
    public var type: String
    /// A request's header as the client sent it; empty for what the interpreter says.
    public var header: [UInt8]
    /// The metadata object.
    public var metadata: [UInt8]
    /// The content object.
    public var content: [UInt8]
    /// Binary buffers.
    public var buffers: [[UInt8]]

    private static let maximumParts = 4096

    /// Describes a message.
    public init(
        type: String, header: [UInt8] = Array("{}".utf8), metadata: [UInt8] = Array("{}".utf8), content: [UInt8],
        buffers: [[UInt8]] = []
    ) {
        self.type = type
        self.header = header
        self.metadata = metadata
        self.content = content
        self.buffers = buffers
    }

    /// The bytes on the channel.
    public var encoded: [UInt8] {
        let parts = [Array(type.utf8), header, metadata, content] + buffers
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 + parts.reduce(0) { $0 + $1.count + 4 })
        func append(_ value: Int) { withUnsafeBytes(of: UInt32(value).littleEndian) { bytes.append(contentsOf: $0) } }
        append(parts.count)
        for part in parts { append(part.count) }
        for part in parts { bytes.append(contentsOf: part) }
        return bytes
    }

    /// Reads a message, trusting nothing.
    public init(decoding bytes: [UInt8]) throws(ChannelViolation) {
        func integer(_ offset: Int) -> Int? {
            guard bytes.count - offset >= 4 else { return nil }
            return bytes.withUnsafeBytes {
                Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            }
        }
        guard let count = integer(0), (4...ChannelMessage.maximumParts).contains(count) else {
            throw .malformed("part count")
        }
        var position = 4 + 4 * count
        var parts: [[UInt8]] = []
        for index in 0..<count {
            guard let length = integer(4 + 4 * index), length <= bytes.count - position else {
                throw .malformed("part length")
            }
            parts.append(Array(bytes[position..<position + length]))
            position += length
        }
        guard position == bytes.count else { throw .malformed("end") }
        guard let type = String(validating: parts[0], as: UTF8.self), (1...64).contains(type.utf8.count) else {
            throw .malformed("type")
        }
        self.init(
            type: type, header: parts[1], metadata: parts[2], content: parts[3], buffers: Array(parts.dropFirst(4)))
    }
}
