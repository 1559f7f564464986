/// The members of an object as the bytes of their values, for who passes on what he does not look into.
public struct JSONMembers {
    private var scanner: JSONScanner
    private let names: Set<String>
    private var found: [String: Range<Int>] = [:]
    /// The names so far; nil where nobody asks for those that are repeated.
    private var seen: Set<String>?
    private var repeated: String?

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

    /// The first name that an object has a second time; nil when all are different, or `bytes` are no object.
    public static func repeatedName(in bytes: [UInt8]) throws(JSONError) -> String? {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<String?, JSONError> in
            var members = JSONMembers(scanner: JSONScanner(buffer), names: [])
            members.seen = []
            do throws(JSONError) {
                _ = try members.read()
                return .success(members.repeated)
            } catch { return .failure(error) }
        }
        return try outcome.get()
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
                if seen?.insert(name).inserted == false { repeated = repeated ?? name }
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
