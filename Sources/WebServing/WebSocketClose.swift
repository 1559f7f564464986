/// The content of a close frame (RFC 6455, section 5.5.1).
struct WebSocketClose: Hashable, Sendable {
    /// The code; nil in a frame without one.
    let code: UInt16?

    /// The server goes, or has nothing more to say.
    static let goingAway = WebSocketClose(code: 1001)
}
