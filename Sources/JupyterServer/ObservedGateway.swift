import HTTPTypes
import Hummingbird
import WebServing

/// A gateway whose requests are counted.
struct ObservedGateway: HTTPResponder {
    typealias Context = BasicRequestContext

    let gateway: HTTPGateway

    func respond(to request: Request, context: Context) async throws -> Response {
        let began = ContinuousClock.now
        let response = try await gateway.respond(to: request, context: context)
        note(request.head, status: Int(response.status.code), since: began)
        return response
    }

    /// What becomes of a request to open a WebSocket. One that is declined is answered, and counted, as any other.
    func open(_ head: HTTPRequest) async -> WebSocketAnswer {
        let began = ContinuousClock.now
        let answer = await gateway.open(head)
        if case .open = answer { note(head, status: 101, since: began) }
        return answer
    }

    private func note(_ head: HTTPRequest, status: Int, since began: ContinuousClock.Instant) {
        RequestMetrics.count(
            head.method.rawValue, ObservedGateway.route(head), status: status, time: began.duration(to: .now))
    }

    private static func route(_ head: HTTPRequest) -> String {
        let path = head.path ?? "/"
        let end = path.utf8.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex
        return Endpoint(path: path[..<end])?.route ?? "unknown"
    }
}
