public import JupyterProtocol

/// A kernel as the API shows it.
public struct KernelModel: Hashable, Sendable {
    /// What a kernel does.
    public enum State: String, Hashable, Sendable {
        case starting, idle, busy, restarting, terminating, dead, unknown
    }

    /// Its id.
    public var id: String
    /// The name of its kernelspec.
    public var name: String
    /// When it last did something, in microseconds since 1970.
    public var lastActivity: Int64
    /// What it does now.
    public var state: State
    /// WebSockets that are open to it.
    public var connections: Int
    /// Why it has failed, if it has: a stable name for programs.
    public var reason: String?
    /// Why it has failed: the sentence for a user.
    public var message: String?

    /// Describes a kernel.
    public init(
        id: String, name: String, lastActivity: Int64, state: State, connections: Int, reason: String? = nil,
        message: String? = nil
    ) {
        self.id = id
        self.name = name
        self.lastActivity = lastActivity
        self.state = state
        self.connections = connections
        self.reason = reason
        self.message = message
    }

    /// The JSON. Its date always has microseconds and a `Z`: a Jupyter Server that has this one as its gateway reads
    /// no other.
    public var json: JSONValue {
        var json: JSONValue = [
            "id": .string(id), "name": .string(name),
            "last_activity": .string(Timestamp.iso8601(microseconds: lastActivity)),
            "execution_state": .string(state.rawValue), "connections": .integer(Int64(connections)),
        ]
        if let reason, !reason.isEmpty { json["reason"] = .string(reason) }
        if let message, !message.isEmpty { json["message"] = .string(message) }
        return json
    }
}
