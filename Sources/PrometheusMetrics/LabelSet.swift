/// The labels of a series, in an order that does not depend on who names them.
struct LabelSet: Hashable, Sendable {
    /// As it stands between the braces of a sample; empty without labels.
    let text: String

    /// Takes labels as they come: a name that is none is made one, and of two of a name the last counts.
    init(_ dimensions: [(String, String)]) {
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[LabelSet.name(name)] = value }
        text = values.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(LabelSet.escaped($0.value))\"" }
            .joined(separator: ",")
    }

    /// The labels and one more.
    func text(with name: String, _ value: String) -> String {
        (text.isEmpty ? "" : text + ",") + "\(name)=\"\(value)\""
    }

    /// A metric's name (`[a-zA-Z_:][a-zA-Z0-9_:]*`), as near to another one as may be.
    static func metricName(_ text: String) -> String { name(text, beside: [UInt8(ascii: ":")]) }

    /// A label's name (`[a-zA-Z_][a-zA-Z0-9_]*`). What a histogram has itself, and two underscores, are not to be had.
    private static func name(_ text: String) -> String {
        let name = name(text, beside: [])
        return name == "le" || name.hasPrefix("__") ? "label_\(name)" : name
    }

    private static func name(_ text: String, beside more: [UInt8]) -> String {
        var bytes = text.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            default: more.contains(byte) ? byte : UInt8(ascii: "_")
            }
        }
        if bytes.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ?? true {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        // By scalars: a quote with a combining mark is no quote to Swift's characters.
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
