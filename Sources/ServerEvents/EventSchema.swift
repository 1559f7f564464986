public import JupyterProtocol

/// What events of one kind have to be like (Jupyter Events, "Defining an event schema"); no more of JSON Schema than these
/// need.
public struct EventSchema: Hashable, Sendable {
    /// What a member has to be.
    enum Member: Hashable, Sendable {
        case text
        case number
        case word([String])
    }

    /// Its id.
    public let id: String
    /// Its version.
    public let version: String
    /// Whether clients may say that such a thing has happened; with others only the server may.
    public let isOpen: Bool
    let members: [String: Member]
    let required: [String]
    /// A member that is required as well, unless each of these has this value or is missing.
    var requiredElse: (name: String, unless: [String: String])?

    /// What is wrong with data, a sentence; nil when nothing is. Members that the schema does not know may be anything.
    public func problem(with data: [String: JSONValue]) -> String? {
        var required = required
        if let rule = requiredElse,
            !rule.unless.allSatisfy({ (data[$0.key] ?? .string($0.value)) == .string($0.value) })
        {
            required.append(rule.name)
        }
        if let missing = required.first(where: { data[$0] == nil }) { return "'\(missing)' is a required property" }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            guard let value = data[name] else { continue }
            let text = String(decoding: value.encoded(), as: UTF8.self)
            switch member {
            case .text: if value.stringValue == nil { return "\(text) is not of type 'string'" }
            case .number: if !EventSchema.isNumber(value) { return "\(text) is not of type 'number'" }
            case .word(let words):
                if !words.contains(where: { value == .string($0) }) { return "\(text) is not one of \(words)" }
            }
        }
        return nil
    }

    private static func isNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .integer, .number: true
        default: false
        }
    }

    /// See the protocol that requires it.
    public static func == (left: EventSchema, right: EventSchema) -> Bool { left.id == right.id }

    /// See the protocol that requires it.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
