import JupyterProtocol

/// Texts that a notebook stores as lists of lines (nbformat, "multiline_string").
///
/// Which texts are split, and where, is nbformat's choice (`split_lines` and `rejoin_lines` of its version 4), so
/// that a notebook that went through Husk shows no difference but that of its outputs.
enum MultilineText {
    /// Whether it is a text, or a list of texts.
    static func isText(_ value: JSONValue) -> Bool {
        value.stringValue != nil || value.arrayValue?.allSatisfy { $0.stringValue != nil } ?? false
    }

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

    /// The lines without their ends, as Python's `str.splitlines()` gives them.
    static func lines(of text: String) -> [String] {
        (split(text).arrayValue ?? []).compactMap(\.stringValue).map { line in
            let end = line.unicodeScalars.reversed().prefix(2)
            let count = end.elementsEqual(["\n", "\r"]) ? 2 : end.first.map(isLineEnd) == true ? 1 : 0
            return String(line.unicodeScalars.dropLast(count))
        }
    }

    private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// A cell as programs hold it.
    static func joinedCell(_ cell: JSONValue) -> JSONValue {
        mapCell(cell, text: joinedText, bundle: joinedBundle, output: joinedOutput)
    }

    /// A cell as a notebook holds it: without what says that its outputs are trusted, which is no property of a file.
    static func splitCell(_ cell: JSONValue) -> JSONValue {
        var cell = mapCell(cell, text: splitText, bundle: splitBundle, output: splitOutput)
        if var metadata = cell["metadata"], metadata["trusted"] != nil {
            metadata["trusted"] = nil
            cell["metadata"] = metadata
        }
        return cell
    }

    static func joinedOutput(_ output: JSONValue) -> JSONValue {
        mapOutput(output, text: joinedText, bundle: joinedBundle)
    }

    private static func splitOutput(_ output: JSONValue) -> JSONValue {
        mapOutput(output, text: splitText, bundle: splitBundle)
    }

    private static func joinedText(_ value: JSONValue) -> JSONValue { joined(value).map { .string($0) } ?? value }

    private static func splitText(_ value: JSONValue) -> JSONValue { value.stringValue.map(split) ?? value }

    /// Splits the representations in a MIME bundle that are texts for people.
    private static func splitBundle(_ bundle: JSONValue) -> JSONValue {
        mapBundle(bundle) { type, value in
            guard let text = value.stringValue, type.hasPrefix("text/") || splitTypes.contains(type) else {
                return value
            }
            return split(text)
        }
    }

    private static let splitTypes: Set<String> = ["application/javascript", "image/svg+xml"]

    /// JSON representations are values and not texts: a list in them is a list.
    private static func joinedBundle(_ bundle: JSONValue) -> JSONValue {
        mapBundle(bundle) { type, value in
            isJSON(mediaType: type) ? value : joinedText(value)
        }
    }

    static func isJSON(mediaType: String) -> Bool {
        mediaType == "application/json" || (mediaType.hasPrefix("application/") && mediaType.hasSuffix("+json"))
    }

    private static func mapCell(
        _ cell: JSONValue, text: (JSONValue) -> JSONValue, bundle: (JSONValue) -> JSONValue,
        output: (JSONValue) -> JSONValue
    ) -> JSONValue {
        var cell = cell
        if let source = cell["source"] { cell["source"] = text(source) }
        if let attachments = cell["attachments"]?.objectValue {
            cell["attachments"] = .object(attachments.mapValues(bundle))
        }
        if cell["cell_type"] == "code", let outputs = cell["outputs"]?.arrayValue {
            cell["outputs"] = .array(outputs.map(output))
        }
        return cell
    }

    private static func mapOutput(
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
