public import JupyterProtocol

/// The JSON bodies of requests.
public enum RequestBody {
    /// The members of a body; nil for an empty one and for `null`. Throws 400 for everything that is no object, where
    /// Jupyter Server does so for what is no JSON and has a mishap (500) with other values.
    public static func members(_ body: [UInt8]) throws(APIError) -> [String: JSONValue]? {
        if body.isEmpty { return nil }
        switch try? JSONValue(parsing: body) {
        case .object(let members): return members
        case .null: return nil
        default: throw APIError(400, "Invalid JSON in body of request")
        }
    }

    /// The text of a member; nil when there is none, or it is `null`. Throws 400 for another value.
    public static func text(_ name: String, of members: [String: JSONValue]) throws(APIError) -> String? {
        guard let member = members[name], member != .null else { return nil }
        guard let text = member.stringValue else { throw APIError(400, "Field in JSON data is not a string: \(name)") }
        return text
    }

    /// A path; nil when there is none. Throws 404 for one that is too long, and 400 for another value.
    static func path(_ name: String, of members: [String: JSONValue]) throws(APIError) -> String? {
        let path = try text(name, of: members)
        if let path { try PathLength.check(path) }
        return path
    }

    /// A yes or no; nil when there is none. Throws 400 for another value.
    static func flag(_ name: String, of members: [String: JSONValue]) throws(APIError) -> Bool? {
        guard let member = members[name], member != .null else { return nil }
        guard let flag = member.boolValue else {
            throw APIError(400, "Field in JSON data is not a boolean: \(name)")
        }
        return flag
    }

    /// An object within; nil when there is none. Throws 400 for another value.
    static func inner(_ name: String, of members: [String: JSONValue]) throws(APIError) -> [String: JSONValue]? {
        guard let member = members[name], member != .null else { return nil }
        guard let inner = member.objectValue else {
            throw APIError(400, "Field in JSON data is not an object: \(name)")
        }
        return inner
    }

    /// Variables of the environment. Throws 400 for what can be none.
    static func environment(
        _ name: String, of members: [String: JSONValue]
    ) throws(APIError) -> [String: String] {
        var environment: [String: String] = [:]
        for (variable, value) in try inner(name, of: members) ?? [:] {
            guard let text = value.stringValue, !variable.isEmpty, !variable.contains("="),
                !variable.utf8.contains(0), !text.utf8.contains(0)
            else { throw APIError(400, "Invalid environment variable: \(PythonText.quoted(variable))") }
            environment[variable] = text
        }
        return environment
    }

    /// A kernel's id that a client has chosen.
    static func kernelID(_ name: String, of members: [String: JSONValue]) throws(APIError) -> String? {
        guard let id = try text(name, of: members), !id.isEmpty else { return nil }
        guard JupyterID.isValid(id) else { throw APIError(400, "Invalid kernel id: \(PythonText.quoted(id))") }
        return id
    }
}
