import NIOCore

/// Sees to it that requests that have begun go on to come. Stands before everything that understands them.
///
/// A client that is not read from, because others of its requests are being answered, has time without end.
/// On the connection's event loop only.
final class ArrivalWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Between requests.
        case none
        case head
        case body
        /// The connection is ending, or is none of HTTP's any more.
        case over
    }

    /// How long a request's head may take, from its first byte.
    private static let head = TimeAmount.seconds(30)
    /// How long nothing may come of a body.
    private static let body = TimeAmount.seconds(60)

    /// Whether an answer has begun and not ended.
    var isAnswering = false
    /// Requests, with the one that comes, that have not been answered.
    var unanswered = 0
    private var phase = Phase.none
    private var deadline = NIODeadline.distantFuture
    private var isReading = false
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    private var now: NIODeadline { context?.eventLoop.now ?? .now() }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .none: enter(.head, ArrivalWatch.head)
        case .body: deadline = now + ArrivalWatch.body
        case .head, .over: break
        }
        context.fireChannelRead(data)
    }

    /// The head of a request has come.
    func headIsWhole() {
        unanswered += 1
        if phase != .over { enter(.body, ArrivalWatch.body) }
    }

    /// All of a request has come.
    func requestIsWhole() {
        if phase != .over { phase = .none }
        deadline = .distantFuture
    }

    /// Sees to nothing any more.
    func stop() {
        phase = .over
        timer?.cancel()
        timer = nil
    }

    private func enter(_ phase: Phase, _ time: TimeAmount) {
        self.phase = phase
        deadline = now + time
        if timer == nil { schedule(in: time) }
    }

    private func schedule(in time: TimeAmount) {
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in self?.look() }
    }

    private func look() {
        timer = nil
        guard phase == .head || phase == .body, let context else { return }
        let others = unanswered - (phase == .body ? 1 : 0)
        if !isReading || others > 0 { deadline = now + ArrivalWatch.body }
        guard now >= deadline else { return schedule(in: deadline - now) }
        stop()
        if !isAnswering {
            let answer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            context.writeAndFlush(ArrivalWatch.wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
        context.close(promise: nil)
    }
}
