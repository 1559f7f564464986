import JupyterProtocol

/// JSON values as YAML (YAML 1.2): a member a line, texts in double quotes, in which JSON and YAML are the same.
enum YAMLText {
    static func text(_ value: JSONValue) -> String {
        var lines: [String] = []
        write(value, behind: "", indent: 0, to: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func write(_ value: JSONValue, behind lead: String, indent: Int, to lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        switch value {
        case .object(let members) where !members.isEmpty:
            if !lead.isEmpty { lines.append(lead) }
            for (name, inner) in members.sorted(by: { $0.key < $1.key }) {
                write(inner, behind: "\(margin)\(key(name)):", indent: indent + 2, to: &lines)
            }
        case .array(let elements) where !elements.isEmpty:
            if !lead.isEmpty { lines.append(lead) }
            for element in elements { write(element, behind: "\(margin)-", indent: indent + 2, to: &lines) }
        default:
            let scalar = String(decoding: value.encoded(), as: UTF8.self)
            lines.append(lead.isEmpty ? scalar : "\(lead) \(scalar)")
        }
    }

    /// A name; in quotes when it could be read as something else, a number for example.
    private static func key(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || $0 == 0x5f }
        return isPlain
            && !["null", "true", "false", "yes", "no", "on", "off", "y", "n", ""].contains(name.lowercased())
            ? name : String(decoding: JSONValue.string(name).encoded(), as: UTF8.self)
    }
}
