import Hummingbird
import NIOCore

/// What the gateway needs to know of a request beside the request: the connection that it has come by.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
