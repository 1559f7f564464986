import JupyterProtocol

/// The inputs of a kernel, as history requests ask for them.
struct InputHistory: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        var line: Int
        var input: String
        var output: String?
    }

    /// Entries kept; what is older is forgotten.
    static let capacity = 10_000
    /// The number under which this session appears. Earlier sessions are another kernel's.
    static let session = 1

    private(set) var entries: [Entry] = []

    mutating func append(line: Int, input: String) {
        entries.append(Entry(line: line, input: input))
        if entries.count > InputHistory.capacity { entries.removeFirst(entries.count - InputHistory.capacity) }
    }

    mutating func setOutput(_ output: String, line: Int) {
        guard let index = entries.lastIndex(where: { $0.line == line }) else { return }
        entries[index].output = output
    }

    /// The `history` array of a reply (Jupyter messaging, "History").
    func answer(_ request: HistoryRequest) -> JSONValue {
        var found: [Entry]
        switch request.access {
        case .tail(let count): found = Array(entries.suffix(max(0, count)))
        case .range(let session, let start, let stop):
            // 0 is this session; there are no others to count back to.
            guard session == 0 || session == InputHistory.session else { return .array([]) }
            found = entries.filter { entry in entry.line >= start && stop.map { entry.line < $0 } ?? true }
        case .search(let pattern, let count, let unique):
            let glob = GlobPattern(pattern)
            found = entries.filter { glob.matches($0.input) }
            if unique {
                // The newest of equal inputs stays.
                var seen: Set<String> = []
                found = found.reversed().filter { seen.insert($0.input).inserted }.reversed()
            }
            if let count { found = Array(found.suffix(max(0, count))) }
        }
        return .array(
            found.map { entry in
                let value: JSONValue =
                    request.wantsOutput
                    ? .array([.string(entry.input), entry.output.map { .string($0) } ?? .null]) : .string(entry.input)
                return .array([.integer(Int64(InputHistory.session)), .integer(Int64(entry.line)), value])
            })
    }
}

/// A pattern with `*`, `?` and `[…]` over a whole text, as SQLite's GLOB and IPython's history search have it.
struct GlobPattern {
    private let pattern: [Unicode.Scalar]

    init(_ pattern: String) {
        self.pattern = Array(pattern.unicodeScalars)
    }

    func matches(_ text: String) -> Bool {
        let text = Array(text.unicodeScalars)
        var p = 0
        var t = 0
        // Where to go on when the text after the last star does not fit: linear in practice, never exponential.
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p + 1, t)
                p += 1
            } else if p < pattern.count, let next = step(p, text[t]) {
                p = next
                t += 1
            } else if let back = star {
                p = back.pattern
                t = back.text + 1
                star = (back.pattern, t)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }

    /// The position after the element at `p` if it fits `scalar`.
    private func step(_ p: Int, _ scalar: Unicode.Scalar) -> Int? {
        switch pattern[p] {
        case "?": return p + 1
        case "[":
            guard let close = pattern[(p + 1)...].firstIndex(of: "]"), close > p + 1 else { fallthrough }
            let negated = pattern[p + 1] == "^"
            let set = pattern[(p + (negated ? 2 : 1))..<close]
            return set.contains(scalar) != negated ? close + 1 : nil
        default: return pattern[p] == scalar ? p + 1 : nil
        }
    }
}
