import JupyterProtocol
import JupyterServerAPI
import ServerEvents

/// `/api/events`: what has happened to the server and its kernels, and what clients say has happened to them.
struct ServerEventsAPI: Sendable {
    let bus: EventBus

    /// Tells everybody an event of a client's.
    func tell(_ request: APIRequest) throws(APIError) -> Answer {
        guard let members = try RequestBody.members(request.body) else { throw APIError(400, "No JSON data provided") }
        for name in ["schema_id", "version", "data"] where members[name] == nil {
            throw APIError(400, "Missing `\(name)` in the JSON request body.")
        }
        let id = try RequestBody.text("schema_id", of: members) ?? ""
        guard let schema = EventSchema.named(id) else {
            throw APIError(
                400,
                PythonText.quoted(
                    "The requested schema, \(id), was not found in the schema registry. Are you sure it was previously "
                        + "registered?"))
        }
        let version = ServerEventsAPI.text(members["version"])
        guard schema.version == version else {
            throw APIError(
                400,
                "Unregistered version: \(PythonText.quoted(version))≠\(PythonText.quoted(schema.version)) for `\(id)`")
        }
        guard schema.isOpen else { throw APIError(400, "Only the server itself tells events of \(id).") }
        guard let data = members["data"]?.objectValue else {
            throw APIError(400, "Field in JSON data is not an object: data")
        }
        if let problem = schema.problem(with: data) { throw APIError(400, problem) }
        // It is checked, and subscribers are not told it: that is so in Jupyter Server, too.
        if let time = members["timestamp"], time.stringValue.map(ServerEventsAPI.isTime) != true {
            throw APIError(
                400,
                "Failed to parse timestamp from JSON request body, an ISO format datetime string with UTC offset is "
                    + "expected, for example, 2022-05-26T13:50:00+05:00Z")
        }
        bus.tell(ServerEvent(schema: id, data: data))
        return .done
    }

    private static func text(_ version: JSONValue?) -> String {
        version?.stringValue ?? String(decoding: (version ?? .null).encoded(), as: UTF8.self)
    }

    /// Whether a text is a time such as `2022-05-26T13:50:00+05:00Z`, or with another `Z` for the offset.
    static func isTime(_ text: String) -> Bool {
        let pattern = Array("0000-00-00T00:00:00".utf8)
        let bytes = Array(text.utf8)
        func fits(_ part: some Collection<UInt8>, _ pattern: some Collection<UInt8>) -> Bool {
            part.count == pattern.count
                && zip(part, pattern).allSatisfy { $1 == UInt8(ascii: "0") ? (0x30...0x39).contains($0) : $0 == $1 }
        }
        guard bytes.last == UInt8(ascii: "Z"), fits(bytes.prefix(pattern.count), pattern) else { return false }
        var offset = bytes.dropFirst(pattern.count).dropLast()
        if offset == [UInt8(ascii: "Z")] { return true }
        guard let sign = offset.popFirst(), "+-".utf8.contains(sign) else { return false }
        return fits(offset, Array("00:00".utf8)) || fits(offset, Array("0000".utf8))
    }
}
