public import JupyterProtocol

/// Something that has happened, for everybody who subscribes to a server's events.
public struct ServerEvent: Hashable, Sendable {
    /// The schema's id, a URI.
    public let schema: String
    /// What the schema describes.
    public let data: [String: JSONValue]

    /// Describes an event.
    public init(schema: String, data: [String: JSONValue]) {
        self.schema = schema
        self.data = data
    }

    /// The text of the message for a WebSocket, as Jupyter Server sends it: the data, and beside them the schema's id.
    public var bytes: [UInt8] {
        JSONValue.object(["schema_id": .string(schema)].merging(data) { _, data in data }).encoded()
    }
}
