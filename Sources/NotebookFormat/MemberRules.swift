import JupyterProtocol

/// What the members of an object have to be.
struct MemberRules: Sendable {
    /// The members that must be there.
    var needed: [String: ValueRule] = [:]
    /// Members that may be there.
    var possible: [String: ValueRule] = [:]
    /// The rule for a member of another name; nil when there may be none.
    var others: @Sendable (_ name: String) -> ValueRule? = MemberRules.open

    static let open: @Sendable (String) -> ValueRule? = { _ in .anything }
    static let closed: @Sendable (String) -> ValueRule? = { _ in nil }

    /// Throws what is wrong first: what is missing, and then by the members' names.
    func check(_ value: JSONValue, at place: String) throws(NotebookError) {
        guard let members = value.objectValue else {
            throw NotebookError(place: place, "is not \(place.isEmpty ? "a JSON object" : "an object")")
        }
        for name in needed.keys.sorted() where members[name] == nil {
            throw NotebookError(place: MemberRules.place(of: name, in: place), "is missing")
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let own = MemberRules.place(of: name, in: place)
            guard let rule = needed[name] ?? possible[name] ?? others(name) else {
                throw NotebookError(place: own, "is not known in this version of the notebook format")
            }
            try rule.check(member, at: own)
        }
    }

    static func place(of name: String, in place: String) -> String { place.isEmpty ? name : "\(place).\(name)" }
}
