public import JupyterProtocol

/// The body of `POST /api/kernels/{id}/execute`, with the members of jupyter-server-nbmodel and of the protocol's
/// `execute_request`.
public struct ExecuteCall: Hashable, Sendable {
    /// The content of the `execute_request`.
    public var content: JSONValue
    /// The request's metadata, such as `cell_id` and `document_path`.
    public var metadata: [String: JSONValue]
    /// How many seconds the cell may run; nil for as long as it likes.
    public var deadline: Double?

    /// Reads a body. Throws 400.
    public init(parsing body: [UInt8]) throws(APIError) {
        let members = try RequestBody.members(body) ?? [:]
        guard let code = try RequestBody.text("code", of: members) else {
            throw APIError(400, "Missing field in JSON data: code", reason: "no_code")
        }
        metadata = try RequestBody.inner("metadata", of: members) ?? [:]
        deadline = try ExecuteCall.seconds("deadline", of: members)
        let isSilent = try RequestBody.flag("silent", of: members) ?? false
        content = [
            "code": .string(code), "silent": .bool(isSilent),
            "store_history": .bool(try RequestBody.flag("store_history", of: members) ?? !isSilent),
            "user_expressions": .object(try RequestBody.inner("user_expressions", of: members) ?? [:]),
            "allow_stdin": .bool(try RequestBody.flag("allow_stdin", of: members) ?? true),
            "stop_on_error": .bool(try RequestBody.flag("stop_on_error", of: members) ?? true),
        ]
        let variables = try RequestBody.environment("environment", of: members)
        if !variables.isEmpty { content["environment"] = .object(variables.mapValues { .string($0) }) }
    }

    private static func seconds(_ name: String, of members: [String: JSONValue]) throws(APIError) -> Double? {
        let seconds: Double
        switch members[name] {
        case nil, .null: return nil
        case .integer(let value): seconds = Double(value)
        case .number(let value): seconds = value
        default: throw APIError(400, "Field in JSON data is not a number: \(name)")
        }
        // A year: more has no end that anybody waits for.
        guard seconds > 0, seconds <= 366 * 86400 else {
            throw APIError(400, "Field in JSON data is out of range: \(name)", reason: "bad_deadline")
        }
        return seconds
    }
}
