/// Any JSON value, with integers kept exact.
public enum JSONValue: Hashable, Sendable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A number without fraction and exponent that fits 64 bits. Longer ones are `number`, and rounded.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// Names and values; the order of names is not kept.
    case object([String: JSONValue])

    /// The text, if it is one.
    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    /// The integer, if it is one.
    public var integerValue: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The boolean, if it is one.
    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The list, if it is one.
    public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The object, if it is one.
    public var objectValue: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }

    /// A member of an object; nil for a missing one and for what is no object. Setting makes an object.
    public subscript(key: String) -> JSONValue? {
        get { objectValue?[key] }
        set {
            var members = objectValue ?? [:]
            members[key] = newValue
            self = .object(members)
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Makes a value of a literal.
    public init(nilLiteral: ()) { self = .null }
    /// Makes a value of a literal.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Makes a value of a literal.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// Makes a value of a literal.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// Makes a value of a literal.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Makes a value of a literal.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Makes a value of a literal.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}

/// Why bytes are not JSON.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected or is wrong.
    public let problem: String
    /// The byte where it is.
    public let offset: Int

    /// The sentence for a user.
    public var description: String { "\(problem) at byte \(offset)" }
}
