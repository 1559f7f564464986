/// The members of an object as the bytes of their values, for who passes on what he does not look into.
public struct JSONMembers {
    private var scanner: JSONScanner
    private let names: Set<String>
    private var found: [String: Range<Int>] = [:]

    /// The values of the members with these names, each as it stands in `bytes` and at its indices there; nil when
    /// `bytes` are JSON (RFC 8259) but no object. Of equal names the last counts.
    public static func values(
        of names: Set<String>, in bytes: [UInt8]
    ) throws(JSONError) -> [String: ArraySlice<UInt8>]? {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<[String: Range<Int>]?, JSONError> in
            var members = JSONMembers(scanner: JSONScanner(buffer), names: names)
            do throws(JSONError) { return .success(try members.read()) } catch { return .failure(error) }
        }
        return try outcome.get()?.mapValues { bytes[$0] }
    }

    private init(scanner: JSONScanner, names: Set<String>) {
        self.scanner = scanner
        self.names = names
    }

    private mutating func read() throws(JSONError) -> [String: Range<Int>]? {
        scanner.skipSpace()
        guard try scanner.start(depth: 0) == .object else {
            try skip(depth: 0)
            try scanner.end()
            return nil
        }
        if scanner.open(closing: UInt8(ascii: "}")) {
            repeat {
                let name = JSONParser.string(try scanner.name(), in: scanner.bytes)
                let start = scanner.position
                try skip(depth: 1)
                if names.contains(name) { found[name] = start..<scanner.position }
            } while try scanner.next(closing: UInt8(ascii: "}"))
        }
        try scanner.end()
        return found
    }

    private mutating func skip(depth: Int) throws(JSONError) {
        switch try scanner.start(depth: depth) {
        case .object:
            guard scanner.open(closing: UInt8(ascii: "}")) else { return }
            repeat {
                _ = try scanner.name()
                try skip(depth: depth + 1)
            } while try scanner.next(closing: UInt8(ascii: "}"))
        case .array:
            guard scanner.open(closing: UInt8(ascii: "]")) else { return }
            repeat { try skip(depth: depth + 1) } while try scanner.next(closing: UInt8(ascii: "]"))
        case .string: _ = try scanner.text()
        case .number: _ = try scanner.number()
        case .yes: try scanner.word("true")
        case .no: try scanner.word("false")
        case .null: try scanner.word("null")
        }
    }
}
