/// Takes a message apart again, checking every length against what is there.
public struct WireReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    /// Starts at the first byte.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether everything has been read.
    public var isAtEnd: Bool { position == bytes.count }

    /// Reads a little-endian integer.
    public mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(WireError) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count - position >= size else { throw .truncated }
        defer { position += size }
        return bytes.withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Value.self))
        }
    }

    /// Reads a byte that must be 0 or 1.
    public mutating func boolean() throws(WireError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .malformed("a boolean")
        }
    }

    /// Reads a string that must be UTF-8.
    public mutating func string() throws(WireError) -> String {
        let count = Int(try integer(UInt32.self))
        guard bytes.count - position >= count else { throw .truncated }
        defer { position += count }
        guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else {
            throw .malformed("a text")
        }
        return text
    }

    /// Reads bytes behind their length.
    public mutating func blob() throws(WireError) -> [UInt8] {
        let count = Int(try integer(UInt32.self))
        guard bytes.count - position >= count else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Reads a list of strings.
    public mutating func strings() throws(WireError) -> [String] {
        try list { reader throws(WireError) in try reader.string() }
    }

    /// Reads a list, each element by `decode`.
    public mutating func list<Value>(
        _ decode: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        let count = Int(try integer(UInt32.self))
        // Every element takes at least one byte, so a longer count is a lie and must not reserve memory.
        guard count <= bytes.count - position else { throw .truncated }
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try decode(&self)) }
        return values
    }

    /// Refuses a message that goes on after its last field.
    public func finish() throws(WireError) {
        guard isAtEnd else { throw .malformed("the end of the message") }
    }
}

/// Why a message could not be read.
public enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It ends inside a field.
    case truncated
    /// A field has no possible value.
    case malformed(String)
    /// The message kind is not known to this version.
    case unknownKind(UInt8)
    /// The other side speaks another version.
    case version(theirs: UInt32)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .truncated: "the message ends inside a field"
        case .malformed(let what): "the message has no valid \(what)"
        case .unknownKind(let kind): "the message kind \(kind) is not known"
        case .version(let theirs):
            "the other process speaks version \(theirs) and this one \(KeeperVersion.current): one of the two was "
                + "upgraded; end the running kernels and start again"
        }
    }
}
