public import JupyterServerAPI

/// The query of `GET /api/contents/{path}`.
public struct ContentsQuery: Hashable, Sendable {
    /// What an entry is.
    public enum Kind: String, Hashable, Sendable {
        case directory, file, notebook
    }

    /// How a file's bytes are put into JSON.
    public enum Format: String, Hashable, Sendable {
        case text, base64
    }

    /// What it has to be; nil for whatever it is.
    public var kind: Kind?
    /// How a file's content is wanted; nil for text if it is one.
    public var format: Format?
    /// Whether content is wanted.
    public var hasContent = true
    /// Whether a hash of the file's bytes is wanted.
    public var hasHash = false

    /// Asks for content.
    public init(kind: Kind? = nil, format: Format? = nil, hasContent: Bool = true, hasHash: Bool = false) {
        self.kind = kind
        self.format = format
        self.hasContent = hasContent
        self.hasHash = hasHash
    }

    /// Reads the parameters of a query, nil for one that is missing. Throws 400.
    public init(type: String?, format: String?, content: String?, hash: String?) throws(APIError) {
        // What is not known is a file: so Jupyter Server lets programs ask for types that only they have.
        kind = type.map { Kind(rawValue: $0) ?? .file }
        if let format {
            guard let known = Format(rawValue: format) else {
                throw APIError(400, "Format \(PythonText.quoted(format)) is invalid")
            }
            self.format = known
        }
        guard let hasContent = ContentsQuery.flag(content ?? "1") else {
            throw APIError(400, "Content \(PythonText.quoted(content ?? "")) is invalid")
        }
        guard let hasHash = ContentsQuery.flag(hash ?? "0") else {
            throw APIError(
                400, "Hash argument \(PythonText.quoted(hash ?? "")) is invalid. It must be '0' or '1'.")
        }
        self.hasContent = hasContent
        self.hasHash = hasHash
    }

    private static func flag(_ text: String) -> Bool? {
        switch text {
        case "0": false
        case "1": true
        default: nil
        }
    }
}
