import JupyterProtocol

/// Texts that a notebook stores as lists of lines (nbformat, "multiline_string").
///
/// Which texts are split, and where, is nbformat's choice (`split_lines` and `rejoin_lines` of its version 4), so
/// that a notebook that went through Husk shows no difference but that of its outputs.
enum MultilineText {
    static func joined(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): return text
        case .array(let parts):
            let texts = parts.compactMap(\.stringValue)
            return texts.count == parts.count ? texts.joined() : nil
        default: return nil
        }
    }

    /// The lines with their ends, as Python's `str.splitlines(True)` gives them.
    static func split(_ text: String) -> JSONValue {
        var lines: [JSONValue] = []
        let scalars = text.unicodeScalars
        var start = scalars.startIndex
        var index = start
        while index < scalars.endIndex {
            let scalar = scalars[index]
            index = scalars.index(after: index)
            guard isLineEnd(scalar) else { continue }
            if scalar == "\r", index < scalars.endIndex, scalars[index] == "\n" { index = scalars.index(after: index) }
            lines.append(.string(String(scalars[start..<index])))
            start = index
        }
        if start < scalars.endIndex { lines.append(.string(String(scalars[start...]))) }
        return .array(lines)
    }

    private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    static func joinedOutput(_ output: JSONValue) -> JSONValue {
        map(output, text: { joined($0).map { .string($0) } ?? $0 }, bundle: joinedBundle)
    }

    static func splitOutput(_ output: JSONValue) -> JSONValue {
        map(output, text: { $0.stringValue.map(split) ?? $0 }, bundle: splitBundle)
    }

    /// Splits the representations in a MIME bundle that are texts for people.
    static func splitBundle(_ bundle: JSONValue) -> JSONValue {
        mapBundle(bundle) { type, value in
            guard let text = value.stringValue, type.hasPrefix("text/") || splitTypes.contains(type) else {
                return value
            }
            return split(text)
        }
    }

    private static let splitTypes: Set<String> = ["application/javascript", "image/svg+xml"]

    /// JSON representations are values and not texts: a list in them is a list.
    static func joinedBundle(_ bundle: JSONValue) -> JSONValue {
        mapBundle(bundle) { type, value in
            if type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) {
                return value
            }
            return joined(value).map { .string($0) } ?? value
        }
    }

    private static func map(
        _ output: JSONValue, text: (JSONValue) -> JSONValue, bundle: (JSONValue) -> JSONValue
    ) -> JSONValue {
        var output = output
        switch output["output_type"]?.stringValue {
        case "execute_result", "display_data": if let data = output["data"] { output["data"] = bundle(data) }
        case "stream": if let value = output["text"] { output["text"] = text(value) }
        default: break
        }
        return output
    }

    private static func mapBundle(_ bundle: JSONValue, _ change: (String, JSONValue) -> JSONValue) -> JSONValue {
        guard case .object(var members) = bundle else { return bundle }
        for (type, value) in members { members[type] = change(type, value) }
        return .object(members)
    }
}
