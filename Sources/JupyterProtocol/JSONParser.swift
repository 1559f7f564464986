/// Makes values of JSON from anybody. Of equal names in an object the last counts, as in Python.
struct JSONParser {
    private var scanner: JSONScanner

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSONValue {
        var parser = JSONParser(scanner: JSONScanner(bytes))
        parser.scanner.skipSpace()
        let value = try parser.value(depth: 0)
        try parser.scanner.end()
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        switch try scanner.start(depth: depth) {
        case .object: return try object(depth: depth)
        case .array: return try array(depth: depth)
        case .string: return .string(JSONParser.string(try scanner.text(), in: scanner.bytes))
        case .number: return try number()
        case .yes:
            try scanner.word("true")
            return .bool(true)
        case .no:
            try scanner.word("false")
            return .bool(false)
        case .null:
            try scanner.word("null")
            return .null
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        guard scanner.open(closing: UInt8(ascii: "}")) else { return .object(members) }
        repeat {
            let name = JSONParser.string(try scanner.name(), in: scanner.bytes)
            members[name] = try value(depth: depth + 1)
        } while try scanner.next(closing: UInt8(ascii: "}"))
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        guard scanner.open(closing: UInt8(ascii: "]")) else { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
        } while try scanner.next(closing: UInt8(ascii: "]"))
        return .array(elements)
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let (range, isInteger) = try scanner.number()
        let text = String(decoding: scanner.bytes[range], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw scanner.error("a number beyond what 64 bits hold")
        }
        return .number(value)
    }

    /// The text that a scanner has found.
    static func string(_ text: JSONScanner.Text, in bytes: UnsafeBufferPointer<UInt8>) -> String {
        let part = UnsafeBufferPointer(rebasing: bytes[text.range])
        guard text.hasEscapes else { return String(decoding: part, as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(part.count)
        var position = 0
        while position < part.count {
            let byte = part[position]
            position += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            let escape = part[position]
            position += 1
            switch escape {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                // No text can hold a lone surrogate.
                let scalar = JSONParser.scalar(part, &position) ?? "\u{fffd}"
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: result.append(escape)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The four digits of one `\u`, or of a surrogate pair of them; nil for a lone surrogate.
    fileprivate static func scalar(_ part: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> Unicode.Scalar? {
        func digits(at start: Int) -> UInt32 {
            part[start..<start + 4].reduce(0) { $0 << 4 | (JSONScanner.hexadecimal($1) ?? 0) }
        }
        let first = digits(at: position)
        position += 4
        if let scalar = Unicode.Scalar(first) { return scalar }
        // The scanner has seen that four digits follow each of them.
        guard first < 0xdc00, position + 1 < part.count, part[position] == UInt8(ascii: "\\"),
            part[position + 1] == UInt8(ascii: "u")
        else { return nil }
        let second = digits(at: position + 2)
        guard (0xdc00..<0xe000).contains(second) else { return nil }
        position += 6
        return Unicode.Scalar(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }
}

extension JSONText {
    /// Whether a text in JSON has an escape for half of a surrogate pair, which no text in UTF-8 can hold: `JSONValue` has
    /// U+FFFD for it, and Python's `json` a text that cannot be written anywhere.
    ///
    /// - Parameter bytes: JSON that has been parsed.
    public static func hasLoneSurrogate(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position + 1 < bytes.count {
                guard bytes[position] == UInt8(ascii: "\\") else {
                    position += 1
                    continue
                }
                position += 2
                guard bytes[position - 1] == UInt8(ascii: "u") else { continue }
                guard position + 4 <= bytes.count, JSONParser.scalar(bytes, &position) != nil else { return true }
            }
            return false
        }
    }
}

extension JSONValue {
    /// Parses one JSON value (RFC 8259) that fills `bytes`.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONError> in
            do throws(JSONError) { return .success(try JSONParser.parse(buffer)) } catch { return .failure(error) }
        }
        self = try outcome.get()
    }
}
