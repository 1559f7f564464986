import NIOCore
import NIOWebSocket

/// Looks at each frame of a client, before fragments are put together and lose their marks: what is reserved must not be
/// used, and everything is masked (RFC 6455, sections 5.1 and 5.2).
final class FrameCheck: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = FrameCheck.unwrapInboundIn(data)
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3, FrameCheck.isKnown(frame.opcode) else {
            return context.fireErrorCaught(WebSocketViolation.protocolError)
        }
        context.fireChannelRead(data)
    }

    private static func isKnown(_ opcode: WebSocketOpcode) -> Bool {
        switch opcode {
        case .continuation, .text, .binary, .ping, .pong, .connectionClose: true
        default: false
        }
    }
}
