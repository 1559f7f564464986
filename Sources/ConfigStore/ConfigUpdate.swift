import JupyterProtocol

/// How a section changes, as Jupyter Server does it. No input or output.
enum ConfigUpdate {
    /// What becomes of members when others are laid over them: objects are gone into, a `null` takes a member away, and an
    /// object that is empty in the end is taken away too.
    static func apply(_ news: [String: JSONValue], to members: [String: JSONValue]) -> [String: JSONValue] {
        var members = members
        for (name, value) in news {
            switch value {
            case .object(let inner):
                let merged = apply(inner, to: members[name]?.objectValue ?? [:])
                members[name] = merged.isEmpty ? nil : .object(merged)
            case .null: members[name] = nil
            default: members[name] = value
            }
        }
        return members
    }
}
