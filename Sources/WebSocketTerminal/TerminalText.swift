/// Makes texts of the bytes that a terminal writes, which come in pieces that may end in the middle of a character.
public struct TerminalText: Sendable {
    private var rest: [UInt8] = []

    /// Begins at the first byte.
    public init() {}

    /// The text of the next bytes, without a character that has only begun. What is not UTF-8 becomes U+FFFD.
    public mutating func add(_ bytes: some Collection<UInt8>) -> String {
        rest.append(contentsOf: bytes)
        let end = rest.count - unfinished
        defer { rest.removeFirst(end) }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    /// The text of what has begun and will not be finished, when the terminal has ended.
    public mutating func finish() -> String {
        defer { rest = [] }
        return String(decoding: rest, as: UTF8.self)
    }

    /// Bytes at the end that are the begin of a character, 3 at most.
    private var unfinished: Int {
        for count in 1...3 where count <= rest.count {
            let byte = rest[rest.count - count]
            if byte & 0xc0 == 0x80 { continue }
            let length =
                switch byte {
                case 0xc2...0xdf: 2
                case 0xe0...0xef: 3
                case 0xf0...0xf4: 4
                default: 1
                }
            return length > count ? count : 0
        }
        return 0
    }
}
