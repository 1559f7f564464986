public import JupyterProtocol

/// A terminal as the API shows it.
public struct TerminalModel: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// When it last did something, in microseconds since 1970.
    public var lastActivity: Int64

    /// Describes a terminal.
    public init(name: String, lastActivity: Int64) {
        self.name = name
        self.lastActivity = lastActivity
    }

    /// The JSON.
    public var json: JSONValue {
        ["name": .string(name), "last_activity": .string(Timestamp.iso8601(microseconds: lastActivity))]
    }
}
