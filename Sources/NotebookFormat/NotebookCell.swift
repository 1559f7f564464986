public import JupyterProtocol

/// One cell.
public struct NotebookCell: Hashable, Sendable {
    /// Its source as one text.
    public var source: String
    /// Whether it is code.
    public let isCode: Bool
    /// Its tags.
    public let tags: Set<String>
    /// The outputs of a code cell, with texts joined.
    public var outputs: [JSONValue]
    /// The number that it got when it ran.
    public var executionCount: Int64?

    private let original: JSONValue

    init(_ value: JSONValue, place: String) throws(NotebookError) {
        guard let kind = value["cell_type"]?.stringValue else { throw NotebookError(place: "\(place).cell_type", "is missing") }
        guard let source = value["source"].flatMap(MultilineText.joined) else {
            throw NotebookError(place: "\(place).source", "is neither a text nor a list of texts")
        }
        isCode = kind == "code"
        self.source = source
        tags = Set((value["metadata"]?["tags"]?.arrayValue ?? []).compactMap(\.stringValue))
        executionCount = value["execution_count"]?.integerValue
        original = value
        outputs = []
        guard isCode else { return }
        guard let list = (value["outputs"] ?? []).arrayValue else { throw NotebookError(place: "\(place).outputs", "is not a list") }
        for (index, output) in list.enumerated() {
            guard output["output_type"]?.stringValue != nil else {
                throw NotebookError(place: "\(place).outputs[\(index)].output_type", "is missing")
            }
            outputs.append(MultilineText.joinedOutput(output))
        }
    }

    init(code: String) {
        source = code
        isCode = true
        tags = []
        outputs = []
        original = ["cell_type": "code", "metadata": [:]]
    }

    var stored: JSONValue {
        var value = original
        value["source"] = MultilineText.split(source)
        if isCode {
            value["outputs"] = .array(outputs.map(MultilineText.splitOutput))
            value["execution_count"] = executionCount.map { .integer($0) } ?? .null
        }
        return value
    }
}

/// Texts that a notebook stores as lists of lines (nbformat, "multiline_string").
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

    static func split(_ text: String) -> JSONValue {
        var lines: [JSONValue] = []
        var line = ""
        for scalar in text.unicodeScalars {
            line.unicodeScalars.append(scalar)
            if scalar == "\n" {
                lines.append(.string(line))
                line = ""
            }
        }
        if !line.isEmpty { lines.append(.string(line)) }
        return .array(lines)
    }

    static func joinedOutput(_ output: JSONValue) -> JSONValue { map(output, text: { joined($0).map { .string($0) } ?? $0 }) }

    static func splitOutput(_ output: JSONValue) -> JSONValue {
        map(output) { $0.stringValue.map(split) ?? $0 }
    }

    private static func map(_ output: JSONValue, text: (JSONValue) -> JSONValue) -> JSONValue {
        var output = output
        if let value = output["text"] { output["text"] = text(value) }
        guard let data = output["data"]?.objectValue else { return output }
        // JSON representations are values and not texts.
        output["data"] = .object(
            Dictionary(uniqueKeysWithValues: data.map { ($0, isJSON($0) ? $1 : text($1)) }))
        return output
    }

    private static func isJSON(_ type: String) -> Bool {
        type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }
}
