public import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket
import ServiceLifecycle

/// A server's connection: HTTP/1.1, until a request opens a WebSocket.
public struct WebSocketUpgradeChannel: ServerChildChannel, HTTPChannelHandler {
    /// Decides about a request to open a WebSocket.
    public typealias Decision = @Sendable (HTTPRequest) async -> WebSocketAnswer

    /// What a connection has become.
    enum Negotiated: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(WebSocketConnection)
    }

    /// A connection whose first request is on its way.
    public struct Value: ServerChildChannelValue {
        let negotiation: EventLoopFuture<Negotiated>
        /// See the protocol that requires it.
        public let channel: any Channel
    }

    /// How long a connection is kept over which nothing comes.
    private static let idle: Duration = .seconds(300)
    /// How long requests that have begun may take when the server stops.
    private static let finishing: Duration = .seconds(10)

    /// See the protocol that requires it.
    public let responder: HTTPChannelHandler.Responder
    private let decide: Decision
    private let isSecure: Bool

    /// Makes connections that answer requests by `responder` and open the WebSockets that `decide` opens.
    ///
    /// - Parameter isSecure: whether they are within TLS.
    public init(
        isSecure: Bool = false, responder: @escaping HTTPChannelHandler.Responder, decide: @escaping Decision
    ) {
        self.isSecure = isSecure
        self.responder = responder
        self.decide = decide
    }

    /// See the protocol that requires it.
    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let gate = NIOLoopBound(UpgradeGate(), eventLoop: channel.eventLoop)
            let watch = ArrivalWatch()
            let rules = NIOLoopBound(RequestRules(watch: watch), eventLoop: channel.eventLoop)
            let upgrader = upgrader(behind: gate, rules)
            try channel.pipeline.syncOperations.addHandler(watch)
            let configuration = NIOTypedHTTPServerUpgradeConfiguration<Negotiated>(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    .http(try serveHTTP(on: channel, behind: gate.value, logger: logger))
                }
            }
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: configuration)
            // NIOAsyncChannel takes one request after the other, and Hummingbird answers what cannot be parsed.
            pipeline.enablePipelining = false
            pipeline.enableErrorHandling = false
            let negotiation = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: pipeline)
            let upgrade = try channel.pipeline.syncOperations.handler(
                type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
            try channel.pipeline.syncOperations.addHandlers([rules.value, gate.value], position: .before(upgrade))
            return Value(negotiation: negotiation, channel: channel)
        }
    }

    /// See the protocol that requires it.
    public func handle(value: Value, logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await serve(value, logger) }
            group.addTask {
                guard (try? await gracefulShutdown()) != nil,
                    (try? await Task.sleep(for: WebSocketUpgradeChannel.finishing)) != nil
                else { return }
                // A client that takes no answer must not keep the server.
                try? await value.channel.close()
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func serve(_ value: Value, _ logger: Logger) async {
        do {
            switch try await value.negotiation.get() {
            case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
            case .webSocket(let connection): await connection.run()
            }
        } catch {
            // Nothing that could be answered has come.
            try? await value.channel.close()
        }
    }

    private func serveHTTP(
        on channel: any Channel, behind gate: UpgradeGate, logger: Logger
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        let codec = HTTP1ToHTTPServerCodec(secure: isSecure)
        try pipeline.addHandler(codec)
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: WebSocketUpgradeChannel.idle, logger: logger))
        let parts = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        if let head = gate.head {
            let behind = try pipeline.context(handler: codec)
            behind.fireChannelRead(
                NIOAny(HTTPRequestPart.head(try HTTPRequest(head, secure: isSecure, splitCookie: false))))
            if gate.isWhole { behind.fireChannelRead(NIOAny(HTTPRequestPart.end(nil))) }
            behind.fireChannelReadComplete()
        }
        if gate.isStopping { pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        return parts
    }

    private func upgrader(
        behind gate: NIOLoopBound<UpgradeGate>, _ rules: NIOLoopBound<RequestRules>
    ) -> NIOTypedWebSocketServerUpgrader<Negotiated> {
        // Both calls are for one request of one connection, in this order and on its thread.
        let chosen = ChosenHandler()
        return NIOTypedWebSocketServerUpgrader(
            maxFrameSize: WebSocketConnection.maximumMessage, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeFutureWithTask { () async -> HTTPHeaders? in
                    guard let request = try? HTTPRequest(head, secure: isSecure, splitCookie: false),
                        case .open(let subprotocol, let headers, let handler) = await decide(request)
                    else { return nil }
                    chosen.handler = handler
                    var answer = HTTPHeaders(headers)
                    if let subprotocol { answer.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
                    return answer
                }.map { (answer: HTTPHeaders?) -> HTTPHeaders? in
                    if answer != nil {
                        gate.value.isOpening = true
                        rules.value.leave()
                    }
                    return answer
                }
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    channel.pipeline.syncOperations.removeHandler(gate.value, promise: nil)
                    channel.pipeline.syncOperations.removeHandler(rules.value, promise: nil)
                    let aggregator = NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1 << 17,
                        maxAccumulatedFrameSize: WebSocketConnection.maximumMessage)
                    try channel.pipeline.syncOperations.addHandlers([FrameCheck(), aggregator])
                    let frames = try NIOAsyncChannel<WebSocketFrame, WebSocketFrame>(
                        wrappingChannelSynchronously: channel)
                    return .webSocket(WebSocketConnection(channel: frames, handler: chosen.handler ?? { _, _ in }))
                }
            })
    }
}
