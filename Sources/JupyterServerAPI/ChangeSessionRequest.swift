import JupyterProtocol

/// The body of `PATCH /api/sessions/{id}`: what is nil stays as it is.
public struct ChangeSessionRequest: Hashable, Sendable {
    /// The document's new path.
    public var path: String?
    /// The document's new name.
    public var name: String?
    /// What the document is now.
    public var type: String?
    /// The running kernel to use from now on. With it the name does not count.
    public var kernelID: String?
    /// The kernelspec of which a kernel is to be started for the session.
    public var kernelName: String?

    /// Reads a body. Throws 400, and 404 for a path that is too long.
    public init(parsing body: [UInt8]) throws(APIError) {
        guard var members = try RequestBody.members(body) else { throw APIError(400, "No JSON data provided") }
        if let path = try RequestBody.inner("notebook", of: members)?["path"] {
            members["path"] = path
            members["type"] = "notebook"
        }
        path = try RequestBody.path("path", of: members)
        name = try RequestBody.text("name", of: members)
        type = try RequestBody.text("type", of: members)
        let kernel = try RequestBody.inner("kernel", of: members) ?? [:]
        // An id without the form of one is that of no kernel, which is said when it is looked for.
        kernelID = try RequestBody.text("id", of: kernel)
        kernelName = kernelID == nil ? try RequestBody.text("name", of: kernel) : nil
    }
}
