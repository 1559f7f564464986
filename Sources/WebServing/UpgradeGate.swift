import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Knows which request may open a WebSocket, and opens it when its answer says so: any request of a connection, since
/// proxies send such requests over connections that they have used before.
///
/// The decoder reads nothing behind a request that asks for another protocol. One that comes to nothing is answered as
/// any other, and as the connection's last. On the connection's event loop only.
final class UpgradeGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request that asks for a WebSocket.
    struct Wish {
        let head: HTTPRequestHead
        /// What the connection is when the wish has been granted.
        let promise: EventLoopPromise<NIOAsyncChannel<WebSocketFrame, WebSocketFrame>>
    }

    /// How long a client may take for the head of its first request.
    private static let patience = TimeAmount.seconds(60)

    /// The request that asks for a WebSocket, until it has its answer. No other one has an `Upgrade` behind the gate.
    private(set) var wish: Wish?
    private let rules: RequestRules
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var requests = 0
    private var answers = 0
    /// The number of the request behind which nothing is read.
    private var last: Int?
    private var timer: Scheduled<Void>?

    /// Stands behind what checks requests, and the codec of HTTP.
    init(rules: RequestRules, encoder: HTTPResponseEncoder, decoder: ByteToMessageHandler<HTTPRequestDecoder>) {
        self.rules = rules
        self.encoder = encoder
        self.decoder = decoder
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: UpgradeGate.patience) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        refuse()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var request) = UpgradeGate.unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        timer?.cancel()
        requests += 1
        if request.headers.contains(name: "upgrade") || request.method == .CONNECT { last = requests }
        if UpgradeGate.asksForWebSocket(request), wish == nil {
            wish = Wish(
                head: request,
                promise: context.eventLoop.makePromise(of: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>.self))
        } else {
            // Other protocols may be offered and need not be taken (RFC 9110, section 7.8).
            request.headers.remove(name: "upgrade")
        }
        context.fireChannelRead(UpgradeGate.wrapInboundOut(.head(request)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch UpgradeGate.unwrapOutboundIn(data) {
        case .head(let answer) where answer.status == .switchingProtocols:
            context.writeAndFlush(data, promise: promise)
            open(context)
        case .head(var answer) where answers + 1 == last:
            refuse()
            answer.headers.replaceOrAdd(name: "Connection", value: "close")
            context.write(UpgradeGate.wrapOutboundOut(.head(answer)), promise: promise)
        case .head, .body: context.write(data, promise: promise)
        case .end:
            answers += 1
            context.write(data, promise: promise)
        }
    }

    /// Puts what understands frames in the place of what understands HTTP.
    private func open(_ context: ChannelHandlerContext) {
        guard let promise = wish?.promise else { return context.close(promise: nil) }
        wish = nil
        rules.leave()
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(rules, promise: nil)
        let detour = Detour()
        do {
            try pipeline.addHandlers(
                [
                    WebSocketFrameEncoder(),
                    ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: WebSocketConnection.maximumMessage)),
                    FrameCheck(),
                    NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1 << 17,
                        maxAccumulatedFrameSize: WebSocketConnection.maximumMessage),
                    detour,
                ], position: .before(self))
            try pipeline.addHandler(detour.exit)
            promise.succeed(try NIOAsyncChannel(wrappingChannelSynchronously: context.channel))
        } catch {
            promise.fail(error)
            return context.close(promise: nil)
        }
        pipeline.removeHandler(encoder, promise: nil)
        // It goes a moment later, and hands on what it has not read.
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { _ in detour.begin() }
    }

    private func refuse() {
        wish?.promise.fail(NIOWebSocketUpgradeError.unsupportedWebSocketTarget)
        wish = nil
    }

    /// A request with a body is none for a WebSocket: what follows it would be taken for frames.
    private static func asksForWebSocket(_ request: HTTPRequestHead) -> Bool {
        let wanted = request.headers[canonicalForm: "upgrade"]
        let options = request.headers[canonicalForm: "connection"]
        return wanted.count == 1 && wanted[0].lowercased() == "websocket" && request.method == .GET
            && options.contains { $0.lowercased() == "upgrade" }
            && !request.headers.contains(name: "transfer-encoding")
            && request.headers["content-length"].allSatisfy { $0 == "0" }
    }
}
