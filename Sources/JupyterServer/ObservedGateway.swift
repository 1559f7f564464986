import HTTPTypes
import Hummingbird
import Logging
import Tracing
import WebServing

/// A gateway whose requests are counted, traced and noted down.
struct ObservedGateway: HTTPResponder {
    typealias Context = GatewayContext

    let gateway: HTTPGateway
    let logger: Logger

    func respond(to request: Request, context: Context) async throws -> Response {
        try await observed(request.head) { span in
            let response = try await gateway.respond(to: request, context: context)
            return (response, Int(response.status.code))
        }
    }

    /// What becomes of a request to open a WebSocket. One that is declined is answered, and observed, as any other.
    func open(_ head: HTTPRequest) async -> WebSocketAnswer {
        let began = ContinuousClock.now
        guard case .open(let subprotocol, let headers, let handler) = await gateway.open(head) else { return .decline }
        return await observed(head, since: began) { span in
            let context = span.context
            let answer = WebSocketAnswer.open(subprotocol: subprotocol, headers: headers) { messages, writer in
                // Cells that come over it belong to the trace that it was opened in.
                await ServiceContext.withValue(context) { await handler(messages, writer) }
            }
            return (answer, 101)
        }
    }

    private func observed<Value>(
        _ head: HTTPRequest, since began: ContinuousClock.Instant = .now,
        _ body: (any Span) async throws -> (Value, status: Int)
    ) async rethrows -> Value {
        let route = ObservedGateway.route(head)
        let method = RequestMetrics.method(head)
        var context = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(head.headerFields, into: &context, using: HeaderExtractor())
        return try await withSpan("\(method) \(route)", context: context, ofKind: .server) { span in
            let (value, status) = try await body(span)
            let time = began.duration(to: .now)
            RequestMetrics.count(method, route, status: status, time: time)
            span.updateAttributes { attributes in
                attributes["http.request.method"] = method
                attributes["http.route"] = route
                attributes["http.response.status_code"] = status
                attributes["url.scheme"] = head.scheme ?? "http"
            }
            if status >= 500 { span.setStatus(SpanStatus(code: .error)) }
            // The path may hold the token in its query, and names that a client has chosen without it.
            logger.info(
                "request",
                metadata: [
                    "method": "\(method)", "route": "\(route)", "status": "\(status)",
                    "seconds": "\(time / .seconds(1))",
                ])
            return value
        }
    }

    private static func route(_ head: HTTPRequest) -> String {
        let path = head.path ?? "/"
        let end = path.utf8.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex
        return Endpoint(path: path[..<end])?.route ?? "unknown"
    }
}
