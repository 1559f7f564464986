public import JupyterProtocol

/// A file or folder as the API shows it.
public struct ContentsModel: Hashable, Sendable {
    /// Its path below the root.
    public var path: String
    /// What it is.
    public var kind: ContentsQuery.Kind
    /// Whether it can be changed.
    public var isWritable: Bool
    /// When it was made, or its owner or mode was last changed, in microseconds since 1970.
    public var created: Int64
    /// When its content was last changed, in microseconds since 1970.
    public var lastModified: Int64
    /// Its length in bytes; nil for a folder.
    public var size: Int64?
    /// What a file's name says of its content, such as `text/csv`.
    public var mediaType: String?
    /// The content that was asked for.
    public var content: JSONValue = .null
    /// How it is given: `text`, `base64` or `json`.
    public var format: String?
    /// The SHA-256 of its bytes in lower-case hexadecimal digits, if it was asked for.
    public var hash: String?
    /// What is wrong with a notebook that is read or saved all the same, for its user.
    public var message: String?

    /// Its name; empty for the root.
    public var name: String {
        String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    }

    /// The JSON.
    public var json: JSONValue {
        var value: JSONValue = [
            "name": .string(name), "path": .string(path), "type": .string(kind.rawValue),
            "writable": .bool(isWritable), "created": .string(Timestamp.iso8601(microseconds: created)),
            "last_modified": .string(Timestamp.iso8601(microseconds: lastModified)),
            "size": size.map { .integer($0) } ?? .null, "mimetype": mediaType.map { .string($0) } ?? .null,
            "content": content, "format": format.map { .string($0) } ?? .null,
            "hash": hash.map { .string($0) } ?? .null, "hash_algorithm": hash == nil ? .null : "sha256",
        ]
        if let message { value["message"] = .string(message) }
        return value
    }
}
