import NIOCore
import NIOWebSocket

/// The sending side of a WebSocket. Waits while the client takes nothing.
public struct WebSocketWriter: Sendable {
    let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>

    /// Sends a text message, which must be UTF-8.
    public func send(text bytes: [UInt8]) async throws {
        try await send(.text, bytes)
        WebSocketMetrics.sent.count(bytes.count)
    }

    /// Sends a binary message.
    public func send(binary bytes: [UInt8]) async throws {
        try await send(.binary, bytes)
        WebSocketMetrics.sent.count(bytes.count)
    }

    /// Sends a ping with at most 125 bytes.
    public func ping(_ bytes: [UInt8]) async throws { try await send(.ping, bytes) }

    /// Sends a close frame, which the client answers.
    public func close(_ code: UInt16, _ reason: String = "") async throws {
        // A control frame has at most 125 bytes, two of them the code.
        let text = reason.utf8.count <= 123 ? Array(reason.utf8) : []
        try await send(.connectionClose, [UInt8(code >> 8), UInt8(code & 0xff)] + text)
    }

    func pong(_ bytes: [UInt8]) async throws { try await send(.pong, bytes) }

    func close(_ close: WebSocketClose) async throws {
        if let code = close.code { try await self.close(code) } else { try await send(.connectionClose, []) }
    }

    private func send(_ opcode: WebSocketOpcode, _ bytes: [UInt8]) async throws {
        try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(bytes: bytes)))
    }
}
