import NIOCore
import NIOWebSocket

/// Looks at each frame of a client, before fragments are put together and lose their marks: what is reserved must not be
/// used, and everything is masked (RFC 6455, sections 5.1 and 5.2). Lets nothing out behind a close frame (section 5.5.1):
/// here is the one place that knows the order of what tasks say at the same time.
final class FrameCheck: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private var hasClosed = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = FrameCheck.unwrapInboundIn(data)
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3, FrameCheck.isKnown(frame.opcode) else {
            return context.fireErrorCaught(WebSocketViolation.protocolError)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !hasClosed else {
            promise?.succeed()
            return
        }
        hasClosed = FrameCheck.unwrapOutboundIn(data).opcode == .connectionClose
        context.write(data, promise: promise)
    }

    private static func isKnown(_ opcode: WebSocketOpcode) -> Bool {
        switch opcode {
        case .continuation, .text, .binary, .ping, .pong, .connectionClose: true
        default: false
        }
    }
}
