import JupyterProtocol

/// The body of `POST /api/kernels`. All of it may be missing.
public struct StartKernelRequest: Hashable, Sendable {
    /// The kernelspec; nil for the default one.
    public var name: String?
    /// The folder to start in, or a file in it, below the server's root.
    public var path: String?
    /// The id to give to the kernel; when there is a kernel with it, that one is meant.
    public var kernelID: String?
    /// Variables of the environment, as a Jupyter Server sends them that has this one as its gateway.
    public var environment: [String: String] = [:]

    /// Reads a body. Throws 400, and 404 for a path that is too long.
    public init(parsing body: [UInt8]) throws(APIError) {
        guard let members = try RequestBody.members(body) else { return }
        name = try RequestBody.text("name", of: members)
        path = try RequestBody.path("path", of: members)
        kernelID = try RequestBody.kernelID("kernel_id", of: members)
        environment = try RequestBody.environment("env", of: members)
    }
}
