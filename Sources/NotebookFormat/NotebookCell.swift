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
        guard value.objectValue != nil else { throw NotebookError(place: place, "is not an object") }
        guard let kind = value["cell_type"]?.stringValue else {
            throw NotebookError(place: "\(place).cell_type", "is missing")
        }
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
        guard let list = (value["outputs"] ?? []).arrayValue else {
            throw NotebookError(place: "\(place).outputs", "is not a list")
        }
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

    /// A cell that sets parameters, marked as papermill marks it.
    init(parameters: String, hasID: Bool) {
        source = parameters
        isCode = true
        tags = ["injected-parameters"]
        outputs = []
        var value: JSONValue = ["cell_type": "code", "metadata": ["tags": ["injected-parameters"]]]
        if hasID { value["id"] = "injected-parameters" }
        original = value
    }

    init(markdown: String) {
        source = markdown
        isCode = false
        tags = []
        outputs = []
        original = ["cell_type": "markdown", "metadata": [:]]
    }

    /// The cell as JSON.
    var value: JSONValue {
        var value = original
        value["source"] = .string(source)
        if isCode {
            value["outputs"] = .array(outputs)
            value["execution_count"] = executionCount.map { .integer($0) } ?? .null
        }
        return value
    }
}
