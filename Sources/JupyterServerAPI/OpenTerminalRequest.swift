import JupyterProtocol

/// The body of `POST /api/terminals`. All of it may be missing.
public struct OpenTerminalRequest: Hashable, Sendable {
    /// The terminal's name; nil for a number that is free.
    public var name: String?
    /// The folder to start in, below the server's root.
    public var folder: String
    /// The kernel whose sandbox it is opened in, which Jupyter Server does not know; nil for a sandbox of its own.
    public var kernel: String?

    /// Reads a body. Throws 400, and 404 for a path that is too long.
    public init(parsing body: [UInt8]) throws(APIError) {
        let members = try RequestBody.members(body) ?? [:]
        name = try RequestBody.text("name", of: members)
        folder = try RequestBody.path("cwd", of: members) ?? ""
        kernel = try RequestBody.kernelID("kernel", of: members)
        // As a path of the API and as a file it is a harmless word.
        if let name, !OpenTerminalRequest.isValid(name) {
            throw APIError(400, "Invalid terminal name: \(PythonText.quoted(name))", reason: "bad_name")
        }
    }

    /// Whether a terminal can have a name: 1 to 32 letters, digits and underscores of ASCII.
    public static func isValid(_ name: String) -> Bool {
        (1...32).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_")
            }
    }
}
