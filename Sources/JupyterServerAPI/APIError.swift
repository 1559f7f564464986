public import JupyterProtocol

/// Why a request to the Jupyter Server API fails, with the status and the body that Jupyter Server answers.
public struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The HTTP status.
    public var status: Int
    /// The sentence for a user.
    public var message: String
    /// A few words for programs, where Jupyter Server has them, for example `bad type`.
    public var reason: String?
    /// What stands in the place of a reason when a kernel cannot be started.
    public var shortMessage: String?

    /// Describes a failure; without a message it is the status's own phrase.
    public init(_ status: Int, _ message: String? = nil, reason: String? = nil, shortMessage: String? = nil) {
        self.status = status
        self.message = message ?? APIError.phrase(status)
        self.reason = reason
        self.shortMessage = shortMessage
    }

    /// The body: `{message, reason}`, or `{message, short_message}`.
    public var body: JSONValue {
        if let shortMessage { return ["message": .string(message), "short_message": .string(shortMessage)] }
        return ["message": .string(message), "reason": reason.map { .string($0) } ?? .null]
    }

    /// The sentence for a user.
    public var description: String { message }

    /// The phrase of a status (RFC 9110, section 15).
    public static func phrase(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 410: "Gone"
        case 413: "Request Entity Too Large"
        case 417: "Expectation Failed"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        default: "Unknown HTTP Error"
        }
    }

    /// No kernel has this id.
    public static func noKernel(_ id: String) -> APIError { APIError(404, "Kernel does not exist: \(id)") }

    /// No kernelspec has this name, asked for by `GET /api/kernelspecs/{name}`.
    public static func noKernelSpec(_ name: String) -> APIError { APIError(404, "Kernel spec \(name) not found") }

    /// `POST /api/sessions` names a kernelspec that is not there.
    public static func kernelNotAvailable(_ name: String) -> APIError {
        APIError(
            501,
            "The '\(name)' kernel is not available. Please pick another suitable kernel instead, or install that kernel.",
            shortMessage: "\(name) not found")
    }

    /// `PATCH /api/sessions/{id}` asks for a kernel that does not start.
    public static func kernelNotStarted(_ name: String, why: String) -> APIError {
        APIError(
            501, "The '\(name)' kernel could not be started: \(PythonText.quoted(why))",
            shortMessage: "Error starting kernel \(name)")
    }

    /// `POST /api/kernels/{id}/restart` has failed.
    public static let restartFailed = APIError(500, "Exception restarting kernel")
}
