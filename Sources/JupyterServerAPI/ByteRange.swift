/// Which part of a file a request wants (RFC 9110, section 14.2). As with Jupyter Server, several parts are not to be had,
/// and whoever asks for them gets the whole.
public enum ByteRange: Hashable, Sendable {
    /// All of it: status 200.
    case whole
    /// These bytes and not all: status 206.
    case part(Range<Int64>)
    /// None that is there: status 416.
    case none

    /// Reads a `Range` header.
    ///
    /// - Parameter size: the file's length in bytes.
    public init(_ header: String?, size: Int64) {
        let parts = (header ?? "").split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        self = .whole
        guard parts.count == 2, ByteRange.trimmed(parts[0]) == "bytes" else { return }
        let ends = parts[1].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            .map(ByteRange.trimmed)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else { return }
        switch (ByteRange.number(ends[0]), ByteRange.number(ends[1])) {
        case (nil, nil): return
        case (nil, let count?): self = count == 0 ? .none : ByteRange(max(0, size - count), size, of: size)
        case (let first?, nil): self = ByteRange(first, size, of: size)
        case (let first?, let last?): self = last < first ? .none : ByteRange(first, min(last, size - 1) + 1, of: size)
        }
    }

    private init(_ first: Int64, _ end: Int64, of size: Int64) {
        self = first >= size ? .none : first == 0 && end == size ? .whole : .part(first..<end)
    }

    /// A number, as large as there is room for; nil for none.
    private static func number(_ digits: Substring) -> Int64? { digits.isEmpty ? nil : Int64(digits) ?? .max }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return text
    }
}
