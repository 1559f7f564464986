import NIOCore
import NIOHTTP1

/// What HTTP/1.1 wants of a server and NIO leaves to it: a host in every request, an answer to who waits before it sends a
/// body, and an end of the connection where an answer says so (RFC 9112, sections 3.2 and 9.6; RFC 9110, section 10.1.1).
///
/// On the connection's event loop only.
final class RequestRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client that still sends may take to notice its answer: with what is unread, a close would destroy it.
    private static let lingering = TimeAmount.seconds(2)

    private let watch: ArrivalWatch
    private var requests = 0
    private var answers = 0
    /// The number of the request whose answer is the connection's last.
    private var last: Int?
    /// Whether the latest request has come to its end.
    private var isWhole = true
    /// The number of a request whose client waits for a word before it sends the body.
    private var waiting: Int?
    /// Whether nothing that comes counts any more.
    private var isOver = false
    private var isOpening = false

    init(watch: ArrivalWatch) {
        self.watch = watch
    }

    /// The WebSocket is being opened: what comes and goes is HTTP no more, also before this is out of the way.
    func leave() {
        isOpening = true
        watch.stop()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOpening else { return context.fireChannelRead(data) }
        guard !isOver else { return }
        switch RequestRules.unwrapInboundIn(data) {
        case .head(let request):
            guard RequestRules.namesItsHost(request) else {
                isOver = true
                watch.stop()
                // Answered as any request that is none, when those before it have been.
                return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
            }
            requests += 1
            isWhole = false
            if !request.isKeepAlive { last = last ?? requests }
            if !RequestRules.isOld(request), request.headers["expect"].contains(where: RequestRules.waits) {
                waiting = requests
            }
            watch.headIsWhole()
        case .body: if waiting == requests { waiting = nil }
        case .end:
            isWhole = true
            if waiting == requests { waiting = nil }
            watch.requestIsWhole()
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What nobody listens to any more may be anything.
        if !isOver || !(error is HTTPParserError) { context.fireErrorCaught(error) }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is BodyWanted else { return context.triggerUserOutboundEvent(event, promise: promise) }
        if waiting == answers + 1 {
            waiting = nil
            let word = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(RequestRules.wrapOutboundOut(.head(word)), promise: nil)
        }
        promise?.succeed()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOpening else { return context.write(data, promise: promise) }
        switch RequestRules.unwrapOutboundIn(data) {
        case .head(var answer):
            guard answer.status.code >= 200 else { return context.write(data, promise: promise) }
            watch.isAnswering = true
            let number = answers + 1
            // Who has not been asked for a body may send one or not: what follows cannot be told from it.
            if answer.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "close" })
                || waiting == number
            {
                last = number
            }
            if last == number { answer.headers.replaceOrAdd(name: "Connection", value: "close") }
            context.write(RequestRules.wrapOutboundOut(.head(answer)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            answers += 1
            watch.isAnswering = false
            watch.unanswered = requests - answers
            guard let last, answers >= last else { return context.write(data, promise: promise) }
            isOver = true
            watch.stop()
            // Not before a client that reads slowly has taken everything: a close drops what waits.
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { [self] _ in end(context) }
            context.writeAndFlush(data, promise: written)
        }
    }

    /// Ends the connection behind what has been written.
    private func end(_ context: ChannelHandlerContext) {
        guard !isWhole || requests > answers else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: RequestRules.lingering) { context.close(promise: nil) }
    }

    private static func namesItsHost(_ request: HTTPRequestHead) -> Bool {
        let count = request.headers["host"].count
        return count == 1 || (count == 0 && isOld(request))
    }

    /// Whether a request is one of HTTP/1.0, which has no hosts and no expectations.
    private static func isOld(_ request: HTTPRequestHead) -> Bool {
        request.version == .http1_0 || request.version == .http0_9
    }

    private static func waits(_ expectation: String) -> Bool { expectation.lowercased() == "100-continue" }
}
