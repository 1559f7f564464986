import JupyterProtocol

/// The body of `POST /api/sessions`.
public struct CreateSessionRequest: Hashable, Sendable {
    /// The document's path, or whatever else tells the session apart.
    public var path: String
    /// The document's name.
    public var name: String?
    /// What the document is.
    public var type: String
    /// The kernelspec to start; nil for the default one.
    public var kernelName: String?
    /// The kernel to use; when there is none with this id, one is started that gets it.
    public var kernelID: String?

    /// Reads a body. Throws 400, and 404 for a path that is too long.
    public init(parsing body: [UInt8]) throws(APIError) {
        guard var members = try RequestBody.members(body) else { throw APIError(400, "No JSON data provided") }
        if let notebook = try RequestBody.inner("notebook", of: members) {
            members["type"] = "notebook"
            if let path = notebook["name"] ?? notebook["path"] { members["path"] = path }
        }
        guard let path = try RequestBody.path("path", of: members) else {
            throw APIError(400, "Missing field in JSON data: path")
        }
        guard let type = try RequestBody.text("type", of: members) else {
            throw APIError(400, "Missing field in JSON data: type")
        }
        self.path = path
        self.type = type
        name = try RequestBody.text("name", of: members)
        let kernel = try RequestBody.inner("kernel", of: members) ?? [:]
        kernelName = try RequestBody.text("name", of: kernel)
        if kernelName?.isEmpty ?? false { kernelName = nil }
        // Of a text that no kernel can have for an id, such as an old server's, nothing is to be found: a new one.
        kernelID = try RequestBody.text("id", of: kernel).flatMap { JupyterID.isValid($0) ? $0 : nil }
    }
}
