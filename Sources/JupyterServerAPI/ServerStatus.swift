public import JupyterProtocol

/// The answer to `GET /api/status`.
public struct ServerStatus: Hashable, Sendable {
    /// When the server began, in microseconds since 1970.
    public var started: Int64
    /// When anybody last used it, in microseconds since 1970.
    public var lastActivity: Int64

    /// Describes a server.
    public init(started: Int64, lastActivity: Int64) {
        self.started = started
        self.lastActivity = lastActivity
    }

    /// The JSON, with what the kernels add up to.
    public func json(kernels: [KernelModel]) -> JSONValue {
        [
            "started": .string(Timestamp.iso8601(microseconds: started)),
            "last_activity": .string(Timestamp.iso8601(microseconds: lastActivity)),
            "kernels": .integer(Int64(kernels.count)),
            "connections": .integer(Int64(kernels.reduce(0) { $0 + $1.connections })),
        ]
    }

    /// The answer to `GET /api`, for which nobody needs a token.
    public static func version(_ version: String) -> JSONValue { ["version": .string(version)] }
}
