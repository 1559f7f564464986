/// Looks at JSON from anybody without making values of it, which may take ten times the memory of the bytes.
public struct JSONCheck {
    /// Deeper nesting is refused: who reads a message with Python's `json` may have no more than 1000 calls in each
    /// other, of which its own take some.
    public static let maximumDepth = 900

    private var scanner: JSONScanner
    private let path: [String]
    private var found: JSONScanner.Text?
    private var foundInteger: Int?

    /// Whether `bytes` are one JSON object (RFC 8259).
    public static func isObject(_ bytes: [UInt8]) throws(JSONError) -> Bool {
        try run(bytes, path: []) { check throws(JSONError) in try check.wholeObject() }
    }

    /// The text at a path of names, from the outermost; nil when there is none, or another value. Of equal names the
    /// last counts.
    public static func text(at path: String..., in bytes: [UInt8]) -> String? {
        let text = try? run(bytes, path: path) { check throws(JSONError) -> String? in
            guard try check.wholeObject() else { return nil }
            return check.found.map { JSONParser.string($0, in: check.scanner.bytes) }
        }
        return text ?? nil
    }

    /// The integer at a path, likewise.
    public static func integer(at path: String..., in bytes: [UInt8]) -> Int? {
        let integer = try? run(bytes, path: path) { check throws(JSONError) -> Int? in
            try check.wholeObject() ? check.foundInteger : nil
        }
        return integer ?? nil
    }

    private static func run<Value>(
        _ bytes: [UInt8], path: [String], _ body: (inout JSONCheck) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<Value, JSONError> in
            var check = JSONCheck(scanner: JSONScanner(buffer), path: path)
            do throws(JSONError) { return .success(try body(&check)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    private init(scanner: JSONScanner, path: [String]) {
        self.scanner = scanner
        self.path = path
    }

    private mutating func wholeObject() throws(JSONError) -> Bool {
        scanner.skipSpace()
        let start = try scanner.start(depth: 0)
        try skip(depth: 0, matched: 0)
        try scanner.end()
        return start == .object
    }

    /// Goes over a value.
    ///
    /// - Parameter matched: how many names of the path have led here; nil when the value is beside it.
    private mutating func skip(depth: Int, matched: Int?) throws(JSONError) {
        guard depth < JSONCheck.maximumDepth else {
            throw scanner.error("nesting deeper than \(JSONCheck.maximumDepth)")
        }
        switch try scanner.start(depth: depth) {
        case .object: try skipObject(depth: depth, matched: matched)
        case .array:
            guard scanner.open(closing: UInt8(ascii: "]")) else { return }
            repeat { try skip(depth: depth + 1, matched: nil) } while try scanner.next(closing: UInt8(ascii: "]"))
        case .string:
            let text = try scanner.text()
            if matched == path.count { found = text }
        case .number:
            let number = try scanner.number()
            if matched == path.count, number.isInteger {
                foundInteger = Int(String(decoding: scanner.bytes[number.range], as: UTF8.self))
            }
        case .yes: try scanner.word("true")
        case .no: try scanner.word("false")
        case .null: try scanner.word("null")
        }
    }

    private mutating func skipObject(depth: Int, matched: Int?) throws(JSONError) {
        guard scanner.open(closing: UInt8(ascii: "}")) else { return }
        repeat {
            let name = try scanner.name()
            var inner: Int?
            if let matched, matched < path.count, JSONParser.string(name, in: scanner.bytes) == path[matched] {
                // What came before under the same name does not count any more.
                found = nil
                foundInteger = nil
                inner = matched + 1
            }
            try skip(depth: depth + 1, matched: inner)
        } while try scanner.next(closing: UInt8(ascii: "}"))
    }
}
