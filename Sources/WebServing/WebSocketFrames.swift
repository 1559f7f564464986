import NIOCore
import NIOWebSocket

/// What follows from what a client says. No input or output.
enum WebSocketFrames {
    /// What follows from a frame.
    enum Action: Hashable {
        case deliver(WebSocketMessage)
        /// Answer a ping.
        case pong([UInt8])
        /// Answer a close, with this code if there was one, and end.
        case close(UInt16?)
    }

    /// Says what follows from a frame of a client, whose fragments have been put together.
    static func action(for frame: WebSocketFrame) throws(WebSocketViolation) -> Action {
        let bytes = Array(buffer: frame.unmaskedData)
        switch frame.opcode {
        case .text:
            guard isText(bytes) else { throw .notText }
            return .deliver(.text(bytes))
        case .binary: return .deliver(.binary(bytes))
        case .ping: return .pong(bytes)
        case .pong: return .deliver(.pong(bytes))
        case .connectionClose: return .close(try code(bytes))
        default: throw .protocolError
        }
    }

    /// The code of a close frame; nil for a frame without one.
    private static func code(_ bytes: [UInt8]) throws(WebSocketViolation) -> UInt16? {
        guard !bytes.isEmpty else { return nil }
        guard bytes.count >= 2 else { throw .protocolError }
        let code = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        switch code {
        // 1004 to 1006 and 1015 are never sent; below 3000 only what the protocol has named (section 7.4).
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError
        }
        guard isText(bytes[2...]) else { throw .notText }
        return code
    }

    private static func isText(_ bytes: some Sequence<UInt8>) -> Bool {
        String(validating: Array(bytes), as: UTF8.self) != nil
    }
}
