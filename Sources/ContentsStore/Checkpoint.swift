public import JupyterProtocol

/// A file's earlier content, which it can be given again.
public struct Checkpoint: Hashable, Sendable {
    /// Its id; there is one a file.
    public var id: String
    /// When it was made, in microseconds since 1970.
    public var lastModified: Int64

    /// The JSON.
    public var json: JSONValue {
        ["id": .string(id), "last_modified": .string(Timestamp.iso8601(microseconds: lastModified))]
    }
}
