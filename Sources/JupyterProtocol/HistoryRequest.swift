/// The content of a `history_request`.
public struct HistoryRequest: Hashable, Sendable {
    /// Which inputs are asked for.
    public enum Access: Hashable, Sendable {
        /// The last ones.
        case tail(count: Int)
        /// Those of a session with start ≤ line < stop.
        case range(session: Int, start: Int, stop: Int?)
        /// Those that match a glob pattern, the newest `count` of them.
        case search(pattern: String, count: Int?, unique: Bool)
    }

    /// Which inputs.
    public var access: Access
    /// Whether results are asked for too.
    public var wantsOutput: Bool

    /// Reads the content.
    public init(content: JSONValue) {
        func integer(_ name: String) -> Int? { content[name]?.integerValue.map { Int(clamping: $0) } }
        wantsOutput = content["output"]?.boolValue ?? false
        switch content["hist_access_type"]?.stringValue {
        case "range":
            access = .range(session: integer("session") ?? 0, start: integer("start") ?? 1, stop: integer("stop"))
        case "search":
            access = .search(
                pattern: content["pattern"]?.stringValue ?? "*", count: integer("n"),
                unique: content["unique"]?.boolValue ?? false)
        default: access = .tail(count: integer("n") ?? 10)
        }
    }
}
