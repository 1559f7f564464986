import JupyterProtocol

/// What a value of a notebook has to be: as much of JSON Schema as nbformat's schemas use.
indirect enum ValueRule: Sendable {
    /// A value without members that matter.
    case value(isValid: @Sendable (JSONValue) -> Bool, problem: String)
    case list(of: ValueRule)
    case members(MemberRules)
    /// An object whose member of this name says by which rules it goes; `other` is for what none of them is for.
    case kind(in: String, [String: MemberRules], other: MemberRules?)

    /// Throws what is wrong first, in the order in which a notebook is read.
    func check(_ value: JSONValue, at place: String) throws(NotebookError) {
        switch self {
        case .value(let isValid, let problem):
            guard isValid(value) else { throw NotebookError(place: place, problem) }
        case .list(let rule):
            guard let list = value.arrayValue else { throw NotebookError(place: place, "is not a list") }
            for (index, element) in list.enumerated() { try rule.check(element, at: "\(place)[\(index)]") }
        case .members(let rules): try rules.check(value, at: place)
        case .kind(let name, let kinds, let other):
            let own = MemberRules.place(of: name, in: place)
            guard let members = value.objectValue else { throw NotebookError(place: place, "is not an object") }
            guard let said = members[name] else { throw NotebookError(place: own, "is missing") }
            guard let kind = said.stringValue else { throw NotebookError(place: own, "is not a text") }
            guard let rules = kinds[kind] ?? other else {
                throw NotebookError(place: own, "is none of \(kinds.keys.sorted().joined(separator: ", "))")
            }
            try rules.check(value, at: place)
        }
    }
}

extension ValueRule {
    static let anything = ValueRule.value(isValid: { _ in true }, problem: "")
    static let object = ValueRule.value(isValid: { $0.objectValue != nil }, problem: "is not an object")
    static let text = ValueRule.value(isValid: { $0.stringValue != nil }, problem: "is not a text")
    static let flag = ValueRule.value(isValid: { $0.boolValue != nil }, problem: "is neither true nor false")
    /// A text, or the list of its lines.
    static let lines = ValueRule.value(isValid: MultilineText.isText, problem: "is neither a text nor a list of texts")
    /// The number of an input or an output.
    static let count = ValueRule.value(
        isValid: { $0 == .null || $0.integerValue ?? -1 >= 0 }, problem: "is neither null nor a whole number from 0")

    static func whole(from least: Int64) -> ValueRule {
        .value(isValid: { $0.integerValue ?? .min >= least }, problem: "is not a whole number from \(least)")
    }
}
