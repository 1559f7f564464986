public import JupyterProtocol

/// A cell that somebody wants run who need not wait for it.
public struct ExecutionOrder: Hashable, Sendable {
    /// The content of its `execute_request`.
    public var content: JSONValue
    /// The request's metadata.
    public var metadata: [String: JSONValue]
    /// How many seconds the cell may run, from its beginning; nil for as long as it likes.
    public var deadline: Double?

    /// Describes a cell.
    public init(content: JSONValue, metadata: [String: JSONValue] = [:], deadline: Double? = nil) {
        self.content = content
        self.metadata = metadata
        self.deadline = deadline
    }

    /// Reads what `json` has written.
    init?(_ json: JSONValue) {
        guard let content = json["content"], let metadata = json["metadata"]?.objectValue else { return nil }
        self.init(content: content, metadata: metadata)
        switch json["deadline"] {
        case .number(let seconds): deadline = seconds
        case .integer(let seconds): deadline = Double(seconds)
        default: break
        }
    }

    var json: JSONValue {
        [
            "content": content, "metadata": .object(metadata),
            "deadline": deadline.map { .number($0) } ?? .null,
        ]
    }
}
