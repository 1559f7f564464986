/// The words of JSON (RFC 8259) in bytes of anybody, one after the other: strict, and valid UTF-8 only.
///
/// `NaN` and `Infinity` are not JSON.
struct JSONScanner {
    /// Deeper nesting is refused: who reads values calls itself for each level.
    static let maximumDepth = 1000
    /// Bytes of a number: clients in Python refuse a message with a longer one (`sys.set_int_max_str_digits`).
    static let maximumNumber = 4300

    let bytes: UnsafeBufferPointer<UInt8>
    private(set) var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// What begins at the position.
    enum Start {
        case object, array, string, number, yes, no, null
    }

    /// A text between its quotes.
    struct Text {
        var range: Range<Int>
        var hasEscapes: Bool
    }

    func error(_ problem: String) -> JSONError { JSONError(problem: problem, offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// What the next value is.
    func start(depth: Int) throws(JSONError) -> Start {
        guard depth < JSONScanner.maximumDepth else { throw error("nesting deeper than \(JSONScanner.maximumDepth)") }
        switch current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"): return .yes
        case UInt8(ascii: "f"): return .no
        case UInt8(ascii: "n"): return .null
        case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"): return .number
        case nil: throw error("the end where a value should be")
        default: throw error("no value")
        }
    }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    /// The end of the bytes, with nothing but space before it.
    mutating func end() throws(JSONError) {
        skipSpace()
        guard position == bytes.count else { throw error("something after the value") }
    }

    /// Goes over `true`, `false` or `null`.
    mutating func word(_ text: StaticString) throws(JSONError) {
        let count = text.utf8CodeUnitCount
        guard bytes.count - position >= count else { throw error("no value") }
        for index in 0..<count where bytes[position + index] != text.utf8Start[index] { throw error("no value") }
        position += count
    }

    /// Enters an object or a list. Returns whether it has anything.
    mutating func open(closing: UInt8) -> Bool {
        position += 1
        skipSpace()
        return !take(closing)
    }

    /// Goes on behind a member or an element. Returns whether there is another.
    mutating func next(closing: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        if take(UInt8(ascii: ",")) {
            skipSpace()
            return true
        }
        guard take(closing) else {
            throw error("no comma or closing \(closing == UInt8(ascii: "}") ? "brace" : "bracket")")
        }
        return false
    }

    /// The name of a member, up to its value.
    mutating func name() throws(JSONError) -> Text {
        guard current == UInt8(ascii: "\"") else { throw error("no member name") }
        let name = try text()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw error("no colon") }
        skipSpace()
        return name
    }

    /// A number.
    mutating func number() throws(JSONError) -> (range: Range<Int>, isInteger: Bool) {
        let start = position
        var isInteger = true
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if let next = current, JSONScanner.isDigit(next) { throw error("a leading zero") }
        } else {
            try digits()
        }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        guard position - start <= JSONScanner.maximumNumber else { throw error("a number that is too long") }
        return (start..<position, isInteger)
    }

    /// A text.
    mutating func text() throws(JSONError) -> Text {
        position += 1
        let start = position
        var hasEscapes = false
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                guard UTF8Check.isValid(UnsafeBufferPointer(rebasing: bytes[start..<position])) else {
                    throw error("a text that is not UTF-8")
                }
                position += 1
                return Text(range: start..<position - 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try escape()
            case 0..<0x20: throw error("a control character in a text")
            default: position += 1
            }
        }
        throw error("a text without end")
    }

    private mutating func escape() throws(JSONError) {
        position += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard let digit = current, JSONScanner.hexadecimal(digit) != nil else {
                    throw error("no four hexadecimal digits")
                }
                position += 1
            }
        case nil: throw error("a text without end")
        default: throw error("an unknown escape")
        }
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, JSONScanner.isDigit(byte) { position += 1 }
        guard position > start else { throw error("no digit") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// The value of a hexadecimal digit.
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }
}
