/// What one message of a WebSocket carries (RFC 6455, section 5.6).
public enum WebSocketPayload: Hashable, Sendable {
    /// A text message: UTF-8.
    case text([UInt8])
    /// A binary message.
    case binary([UInt8])
}
