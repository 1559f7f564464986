import NIOCore
import NIOHTTP1

/// Stands before NIO's upgrade, which forgets a request to upgrade that comes to nothing: such a request has to be
/// answered as any other.
///
/// On the connection's event loop only.
final class UpgradeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// The connection's first request, when it asks for a WebSocket.
    private(set) var head: HTTPRequestHead?
    /// Whether all of it has come.
    private(set) var isWhole = false
    private var isFirst = true

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch UpgradeGate.unwrapInboundIn(data) {
        case .head(var request) where isFirst:
            isFirst = false
            let wanted = request.headers[canonicalForm: "upgrade"]
            if wanted.count == 1, wanted[0].lowercased() == "websocket", request.method == .GET {
                head = request
            } else {
                // Other protocols may be offered and need not be taken (RFC 9110, section 7.8).
                request.headers.remove(name: "upgrade")
            }
            context.fireChannelRead(UpgradeGate.wrapInboundOut(.head(request)))
        case .end:
            isWhole = true
            context.fireChannelRead(data)
        case .head, .body: context.fireChannelRead(data)
        }
    }
}
