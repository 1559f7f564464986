/// What a client may not do, and the code that its connection is closed with (RFC 6455, section 7.4.1).
enum WebSocketViolation: Error, Hashable {
    /// Against the protocol: a reserved bit, an unknown opcode, a frame without a mask, a fragment out of order.
    case protocolError
    /// A text that is no UTF-8.
    case notText
    /// More than the server takes in one message.
    case tooLarge

    var closeCode: UInt16 {
        switch self {
        case .protocolError: 1002
        case .notText: 1007
        case .tooLarge: 1009
        }
    }
}
