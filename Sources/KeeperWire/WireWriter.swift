/// Builds one message: little-endian integers, and byte strings behind their length.
public struct WireWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []

    /// An empty message.
    public init() {}

    /// Appends an integer, little-endian, at its own width.
    public mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends one byte: 0 or 1.
    public mutating func append(_ value: Bool) {
        append(UInt8(value ? 1 : 0))
    }

    /// Appends a 32-bit length and UTF-8 bytes.
    public mutating func append(_ value: String) {
        append(UInt32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// Appends a 32-bit length and bytes as they are.
    public mutating func append(blob value: [UInt8]) {
        append(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends a 32-bit count and each string.
    public mutating func append(_ values: [String]) {
        append(UInt32(values.count))
        for value in values { append(value) }
    }

    /// Appends a 32-bit count and each value, as `encode` writes it.
    public mutating func append<Value>(_ values: [Value], _ encode: (inout WireWriter, Value) -> Void) {
        append(UInt32(values.count))
        for value in values { encode(&self, value) }
    }
}
