/// What a client has said over a WebSocket (RFC 6455, section 5.6), whole and checked.
public enum WebSocketMessage: Hashable, Sendable {
    /// A text message; valid UTF-8.
    case text([UInt8])
    /// A binary message.
    case binary([UInt8])
    /// The answer to a ping, with what the ping carried.
    case pong([UInt8])
}
