import JupyterProtocol

/// What a terminal tells its clients (terminado, "Websocket protocol").
public enum TerminalEvent: Hashable, Sendable {
    /// The first message: the terminal is there.
    case setup
    /// Text that was written.
    case output(String)
    /// The last message: the terminal has ended.
    case disconnect

    /// The text message.
    public var encoded: [UInt8] {
        let list: JSONValue =
            switch self {
            case .setup: ["setup", [:]]
            case .output(let text): ["stdout", .string(text)]
            case .disconnect: ["disconnect", 1]
            }
        return list.encoded()
    }
}
