import JupyterProtocol
import JupyterServerAPI

/// The body of a `PUT`: what is to be saved.
struct SavedContents {
    let kind: ContentsQuery.Kind
    let content: JSONValue?
    let format: String?
    /// 1, 2, 3, … and -1 for the last part of a file that comes in parts; nil for a whole one.
    let chunk: Int64?

    /// Reads a body. What is missing is made up for a new entry, and for an old one 400.
    init(_ members: [String: JSONValue], path: ContentsPath, isNew: Bool) throws(APIError) {
        var kind = try RequestBody.text("type", of: members).map { ContentsQuery.Kind(rawValue: $0) ?? .file }
        if isNew, kind == nil { kind = path.name.hasSuffix(".ipynb") ? .notebook : .file }
        guard let kind else { throw APIError(400, "No file type provided") }
        var format = try RequestBody.text("format", of: members)
        var content = members["content"] == .null ? nil : members["content"]
        if isNew, content == nil, kind != .directory {
            content = kind == .notebook ? SavedContents.emptyNotebook : ""
            format = kind == .notebook ? "json" : "text"
        }
        if members["chunk"] ?? .null == .null {
            chunk = nil
        } else {
            guard let number = members["chunk"]?.integerValue, number == -1 || number >= 1 else {
                throw APIError(400, "Invalid chunk number")
            }
            guard kind == .file else {
                throw APIError(400, "File type \"\(kind.rawValue)\" is not supported for large file transfer")
            }
            chunk = number
        }
        if content == nil, kind != .directory { throw APIError(400, "No file content provided") }
        self.kind = kind
        self.content = content
        self.format = format
    }

    init(empty kind: ContentsQuery.Kind) {
        self.kind = kind
        content = kind == .notebook ? SavedContents.emptyNotebook : ""
        format = kind == .notebook ? "json" : "text"
        chunk = nil
    }

    private static let emptyNotebook: JSONValue = ["cells": [], "metadata": [:], "nbformat": 4, "nbformat_minor": 5]

    /// The bytes of a file.
    func bytes(path: ContentsPath) throws(APIError) -> [UInt8] {
        guard let format = format.flatMap(ContentsQuery.Format.init(rawValue:)) else {
            throw APIError(400, "Must specify format of file contents as 'text' or 'base64'")
        }
        guard let text = content?.stringValue else {
            throw APIError(400, "Encoding error saving \(path.text): the content is not a string")
        }
        if format == .text { return Array(text.utf8) }
        guard let bytes = Base64.decode(text) else {
            throw APIError(400, "Encoding error saving \(path.text): Incorrect padding")
        }
        return bytes
    }
}
