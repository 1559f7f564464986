public import JupyterProtocol

/// Who a client is: the answer to `GET /api/me`.
public struct IdentityModel: Hashable, Sendable {
    /// Who it is, for programs.
    public var username: String
    /// The name to show.
    public var name: String

    /// Describes a user; without a name the user name is shown.
    public init(username: String, name: String? = nil) {
        self.username = username
        self.name = name ?? username
    }

    /// The JSON. Whoever may use this server may do everything, so all that is asked for is permitted.
    ///
    /// - Parameter permissions: the query parameter of that name: a JSON object of lists of actions by resource; empty
    ///   for none. Throws 400 for anything else.
    public func json(permissions: String = "") throws(APIError) -> JSONValue {
        var permitted: [String: JSONValue] = [:]
        if !permissions.isEmpty {
            guard let asked = try? JSONValue(parsing: Array(permissions.utf8)), let resources = asked.objectValue,
                resources.values.allSatisfy({ $0.arrayValue?.allSatisfy { $0.stringValue != nil } ?? false })
            else {
                throw APIError(
                    400,
                    "permissions should be a JSON dict of {\"resource\": [\"action\",]}, got \(PythonText.quoted(permissions))"
                )
            }
            permitted = resources
        }
        permitted["updatable_fields"] = []
        let initials = name.split(separator: " ").prefix(2).compactMap(\.first).map(String.init).joined()
        let identity: JSONValue = [
            "username": .string(username), "name": .string(name), "display_name": .string(name),
            "initials": initials.isEmpty ? .null : .string(initials.uppercased()), "avatar_url": .null, "color": .null,
        ]
        return ["identity": identity, "permissions": .object(permitted)]
    }
}
