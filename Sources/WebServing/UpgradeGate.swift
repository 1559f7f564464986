import NIOCore
import NIOHTTP1

/// Stands before NIO's upgrade, which forgets a request to upgrade that comes to nothing: such a request has to be
/// answered as any other, and as the connection's last. Nobody else is there yet to answer a first request that is none, or to see that none comes.
///
/// On the connection's event loop only.
final class UpgradeGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client may take for the head of its first request.
    private static let patience = TimeAmount.seconds(60)

    /// The connection's first request, when it asks for a WebSocket.
    private(set) var head: HTTPRequestHead?
    /// Whether all of it has come.
    private(set) var isWhole = false
    /// Whether the server is about to stop.
    private(set) var isStopping = false
    /// Whether the WebSocket is being opened: what comes and goes is HTTP no more.
    var isOpening = false
    private var requests = 0
    private var answers = 0
    /// The number of the request behind which the decoder reads nothing, as it takes what follows for another protocol.
    private var last: Int?
    private var isFirst: Bool { requests == 0 && !isRefused }
    private var isRefused = false
    private var timer: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: UpgradeGate.patience) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOpening else { return context.fireChannelRead(data) }
        switch UpgradeGate.unwrapInboundIn(data) {
        case .head(var request):
            timer?.cancel()
            requests += 1
            if request.headers.contains(name: "upgrade") || request.method == .CONNECT { last = requests }
            if requests == 1, UpgradeGate.asksForWebSocket(request) {
                head = request
            } else {
                // Other protocols may be offered and need not be taken (RFC 9110, section 7.8).
                request.headers.remove(name: "upgrade")
            }
            context.fireChannelRead(UpgradeGate.wrapInboundOut(.head(request)))
        case .end:
            isWhole = true
            context.fireChannelRead(data)
        case .body: context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let last, !isOpening, answers + 1 >= last else {
            if !isOpening, case .end = UpgradeGate.unwrapOutboundIn(data) { answers += 1 }
            return context.write(data, promise: promise)
        }
        switch UpgradeGate.unwrapOutboundIn(data) {
        case .head(var answer):
            answer.headers.replaceOrAdd(name: "Connection", value: "close")
            context.write(UpgradeGate.wrapOutboundOut(.head(answer)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            context.writeAndFlush(data, promise: promise)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard isFirst, error is HTTPParserError else { return context.fireErrorCaught(error) }
        isRefused = true
        let answer = HTTPResponseHead(
            version: .http1_1, status: .badRequest, headers: ["Connection": "close", "Content-Length": "0"])
        context.write(UpgradeGate.wrapOutboundOut(.head(answer)), promise: nil)
        context.writeAndFlush(UpgradeGate.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            isStopping = true
            if isFirst { return context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
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
