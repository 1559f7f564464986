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

    /// A connection.
    public struct Value: ServerChildChannelValue {
        let parts: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        /// See the protocol that requires it.
        public var channel: any Channel { parts.channel }
    }

    /// How long a connection is kept over which nothing comes.
    private static let idle: Duration = .seconds(300)
    /// How long requests that have begun may take when the server stops.
    private static let finishing: Duration = .seconds(10)

    private let answer: HTTPChannelHandler.Responder
    private let decide: Decision
    private let isSecure: Bool

    /// Makes connections that answer requests by `responder` and open the WebSockets that `decide` opens.
    ///
    /// - Parameter isSecure: whether they are within TLS.
    public init(
        isSecure: Bool = false, responder: @escaping HTTPChannelHandler.Responder, decide: @escaping Decision
    ) {
        self.isSecure = isSecure
        answer = responder
        self.decide = decide
    }

    /// See the protocol that requires it.
    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let watch = ArrivalWatch()
            let rules = RequestRules(watch: watch)
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
            let pipeline = channel.pipeline.syncOperations
            // NIOAsyncChannel takes one request after the other, and Hummingbird answers what cannot be parsed.
            try pipeline.addHandlers([
                watch, encoder, decoder, rules, UpgradeGate(rules: rules, encoder: encoder, decoder: decoder),
                HTTP1ToHTTPServerCodec(secure: isSecure),
                HTTPConnectionStateHandler(idleTimeout: WebSocketUpgradeChannel.idle, logger: logger),
            ])
            return Value(
                parts: try NIOAsyncChannel(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
        }
    }

    /// See the protocol that requires it.
    public func handle(value: Value, logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await handleHTTP(asyncChannel: value.parts, logger: logger) }
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

    /// See the protocol that requires it.
    public var responder: HTTPChannelHandler.Responder {
        { request, writer, channel in
            guard request.headers.contains(.upgrade), let opening = try? await handshake(channel),
                case .open(let subprotocol, let headers, let handler) = await decide(request.head)
            else { return try await answer(request, writer, channel) }
            var head = HTTPResponse(status: .switchingProtocols, headerFields: opening.fields)
            for (name, value) in headers {
                if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
            }
            if let subprotocol { head.headerFields[.secWebSocketProtocol] = subprotocol }
            // The gate opens it when this comes by, behind the answers to earlier requests.
            _ = try await writer.writeHead(head)
            await WebSocketConnection(channel: try await opening.frames.get(), handler: handler).run()
        }
    }

    private struct Opening: Sendable {
        let fields: HTTPFields
        let frames: EventLoopFuture<NIOAsyncChannel<WebSocketFrame, WebSocketFrame>>
    }

    /// What opens a WebSocket for the request that is being answered; nil when it does not ask for one. Throws when it
    /// does not as RFC 6455, section 4.2.1, wants it.
    private func handshake(_ channel: any Channel) async throws -> Opening? {
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        return try await channel.eventLoop.flatSubmit { () -> EventLoopFuture<Opening?> in
            guard let gate = try? channel.pipeline.syncOperations.handler(type: UpgradeGate.self), let wish = gate.wish
            else { return channel.eventLoop.makeSucceededFuture(nil) }
            let frames = wish.promise.futureResult
            return upgrader.buildUpgradeResponse(
                channel: channel, upgradeRequest: wish.head, initialResponseHeaders: [:]
            ).map { Opening(fields: HTTPFields($0, splitCookie: false), frames: frames) }
        }.get()
    }
}
