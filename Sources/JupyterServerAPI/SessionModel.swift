public import JupyterProtocol

/// A session as the API shows it: a document, and the kernel that runs it.
public struct SessionModel: Hashable, Sendable {
    /// Its id.
    public var id: String
    /// The document's path, or whatever else a client tells its sessions apart by.
    public var path: String
    /// The document's name; clients may leave it out.
    public var name: String?
    /// `notebook`, `console`, `file`, or another word of a client's.
    public var type: String
    /// Its kernel.
    public var kernel: KernelModel

    /// Describes a session.
    public init(id: String, path: String, name: String?, type: String, kernel: KernelModel) {
        self.id = id
        self.path = path
        self.name = name
        self.type = type
        self.kernel = kernel
    }

    /// The JSON, for a notebook with the `notebook` member that old clients read.
    public var json: JSONValue {
        let name: JSONValue = name.map { .string($0) } ?? .null
        var json: JSONValue = [
            "id": .string(id), "path": .string(path), "name": name, "type": .string(type), "kernel": kernel.json,
        ]
        if type == "notebook" { json["notebook"] = ["path": .string(path), "name": name] }
        return json
    }
}
