extension JSONValue {
    /// Compact JSON with sorted names. A number that JSON cannot hold (not finite) is written as null.
    public func encoded() -> [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    /// JSON as notebooks are stored: one space of indentation a level, sorted names, a newline at the end.
    public func encodedForNotebook() -> [UInt8] {
        var output: [UInt8] = []
        writeIndented(to: &output, level: 0)
        output.append(UInt8(ascii: "\n"))
        return output
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, name) in members.keys.sorted(by: JSONValue.precedes).enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONText.append(name, to: &output)
                output.append(UInt8(ascii: ":"))
                members[name]?.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        default: writeScalar(to: &output)
        }
    }

    private func writeIndented(to output: inout [UInt8], level: Int) {
        func newLine(_ level: Int) {
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level))
        }
        switch self {
        case .array(let elements) where !elements.isEmpty:
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                newLine(level + 1)
                element.writeIndented(to: &output, level: level + 1)
            }
            newLine(level)
            output.append(UInt8(ascii: "]"))
        case .object(let members) where !members.isEmpty:
            output.append(UInt8(ascii: "{"))
            for (index, name) in members.keys.sorted(by: JSONValue.precedes).enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                newLine(level + 1)
                JSONText.append(name, to: &output)
                output.append(contentsOf: ": ".utf8)
                members[name]?.writeIndented(to: &output, level: level + 1)
            }
            newLine(level)
            output.append(UInt8(ascii: "}"))
        default: write(to: &output)
        }
    }

    private func writeScalar(to output: inout [UInt8]) {
        switch self {
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: "\(value)".utf8)
        case .number(let value): output.append(contentsOf: JSONValue.text(of: value).utf8)
        case .string(let value): JSONText.append(value, to: &output)
        case .null, .array, .object: output.append(contentsOf: "null".utf8)
        }
    }

    /// As Python writes it: in full below 10^16, where Swift stops at 2^53.
    private static func text(of value: Double) -> String {
        guard value.isFinite else { return "null" }
        if value.magnitude >= 9_007_199_254_740_992, value.magnitude < 1e16 { return "\(Int64(value)).0" }
        return "\(value)"
    }

    /// By code points, as Python sorts; the bytes of UTF-8 have the same order.
    private static func precedes(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }
}
