/// A value that a notebook is run with: `-p NAME VALUE`, as papermill has it.
struct CellParameter: Hashable {
    let name: String
    private let value: String

    /// Reads `NAME=VALUE`; nil when the name is no identifier.
    init?(_ text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        name = String(text[..<equals])
        value = String(text[text.index(after: equals)...])
        guard name.wholeMatch(of: /[\p{L}_][\p{L}\p{N}_]*/) != nil else { return nil }
    }

    /// The assignment, in Python. What looks like a number, a truth value or None is one; the rest is text.
    var assignment: String { "\(name) = \(literal)" }

    private var literal: String {
        if ["True", "False", "None"].contains(value) { return value }
        if let match = value.wholeMatch(of: /([+-]?)0*(\d+)/) { return "\(match.1)\(match.2)" }
        if value.wholeMatch(of: /[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?/) != nil { return value }
        if value.lowercased().wholeMatch(of: /[+-]?(inf|infinity|nan)/) != nil { return "float('\(value)')" }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    /// The command line with each `-p NAME VALUE` as one option: an option has one value for its parser.
    static func joined(_ arguments: [String]) -> [String] {
        var joined: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument == "-p" || argument == "--parameter", rest.count >= 2 else {
                joined.append(argument)
                if argument == "--" { return joined + rest }
                continue
            }
            joined.append("--parameter=\(rest.removeFirst())=\(rest.removeFirst())")
        }
        return joined
    }
}
