import NIOCore
import NIOWebSocket

/// Leads a WebSocket's frames around the handlers that have served the connection's requests, which stay where they are:
/// those of an asynchronous channel cannot be removed. Stands before them, and its exit behind them.
///
/// On the connection's event loop only.
final class Detour: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// The end of the detour: hands on what comes, and takes what goes.
    final class Exit: ChannelOutboundHandler {
        typealias OutboundIn = WebSocketFrame
        typealias OutboundOut = WebSocketFrame

        fileprivate var context: ChannelHandlerContext?
        fileprivate weak var detour: Detour?
        private var entrance: ChannelHandlerContext? { detour?.context }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard let entrance else {
                promise?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            entrance.write(data, promise: promise)
        }

        func flush(context: ChannelHandlerContext) { entrance?.flush() }

        func read(context: ChannelHandlerContext) { entrance?.read() }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            (entrance ?? context).close(mode: mode, promise: promise)
        }
    }

    let exit = Exit()
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        exit.detour = self
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Hands on what came with the request, and asks for more: who served requests may have wanted none.
    func begin() {
        exit.context?.fireChannelReadComplete()
        context?.read()
    }

    // MARK: What comes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { exit.context?.fireChannelRead(data) }

    func channelReadComplete(context: ChannelHandlerContext) { exit.context?.fireChannelReadComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { exit.context?.fireChannelWritabilityChanged() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        exit.context?.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { exit.context?.fireErrorCaught(error) }

    // MARK: What is left of the requests' side, which has nothing more to say

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.ioOnClosedChannel)
    }

    func flush(context: ChannelHandlerContext) {}

    func read(context: ChannelHandlerContext) {}

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Only the end of all is an end: the side that served requests ends its output when it sees no more of them.
        guard mode == .all else {
            promise?.succeed()
            return
        }
        context.close(mode: mode, promise: promise)
    }
}
