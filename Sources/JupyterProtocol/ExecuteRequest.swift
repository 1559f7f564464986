/// The content of an `execute_request`, with the specification's defaults for what a client leaves out.
public struct ExecuteRequest: Hashable, Sendable {
    /// The cell.
    public var code: String
    /// Whether it runs without counting, without being shown and without a result.
    public var silent: Bool
    /// Whether it counts and is remembered.
    public var storeHistory: Bool
    /// Whether the client can be asked for input.
    public var allowStdin: Bool
    /// Whether an error aborts the cells that wait behind it.
    public var stopOnError: Bool

    /// Whether there is nothing to run.
    public var isBlank: Bool {
        // The four separators of ASCII are spaces to interpreters and not to Unicode.
        code.unicodeScalars.allSatisfy { $0.properties.isWhitespace || (0x1c...0x1f).contains($0.value) }
    }

    /// Reads the content; nil if it has no code, or expressions that are none.
    public init?(content: JSONValue) {
        guard let code = content["code"]?.stringValue else { return nil }
        switch content["user_expressions"] {
        case nil, .null, .object: break
        // Languages whose empty map is an empty list write it so.
        case .array(let list) where list.isEmpty: break
        default: return nil
        }
        self.code = code
        silent = content["silent"]?.boolValue ?? false
        storeHistory = silent ? false : content["store_history"]?.boolValue ?? true
        allowStdin = content["allow_stdin"]?.boolValue ?? true
        stopOnError = content["stop_on_error"]?.boolValue ?? true
    }
}
