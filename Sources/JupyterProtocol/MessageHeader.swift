/// The header of a Jupyter message (Jupyter messaging, "General message format").
public struct MessageHeader: Hashable, Sendable {
    /// `msg_id`
    public var id: String
    /// The sender's session.
    public var session: String
    /// The sender's user, often empty.
    public var username: String
    /// When it was sent, ISO 8601; empty when the sender left it out.
    public var date: String
    /// `msg_type`
    public var type: String
    /// The subshell that it is for, if it names one.
    public var subshellID: String?
    /// The JSON object as it stands on the wire: what replies carry as their parent.
    public var raw: [UInt8]

    /// The protocol version in the headers that Husk sends.
    public static let version = "5.5"

    /// Makes a header to send.
    public init(id: String, session: String, username: String, date: String, type: String) {
        self.id = id
        self.session = session
        self.username = username
        self.date = date
        self.type = type
        raw = Array("{\"msg_id\":".utf8)
        JSONText.append(id, to: &raw)
        for (name, value) in [
            ("session", session), ("username", username), ("date", date), ("msg_type", type),
            ("version", MessageHeader.version),
        ] {
            raw.append(contentsOf: ",\"\(name)\":".utf8)
            JSONText.append(value, to: &raw)
        }
        raw.append(UInt8(ascii: "}"))
    }

    /// Reads a header. Clients leave out all but the id and the type, and are let.
    public init(parsing raw: [UInt8]) throws(WireMessageError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: raw) } catch { throw .notJSON(part: "header", "\(error)") }
        guard let members = value.objectValue else { throw .notAnObject(part: "header") }
        guard let type = members["msg_type"]?.stringValue, !type.isEmpty else { throw .headerField("msg_type") }
        guard let id = members["msg_id"]?.stringValue else { throw .headerField("msg_id") }
        self.type = type
        self.id = id
        session = members["session"]?.stringValue ?? ""
        username = members["username"]?.stringValue ?? ""
        date = members["date"]?.stringValue ?? ""
        subshellID = members["subshell_id"]?.stringValue
        self.raw = raw
    }
}
