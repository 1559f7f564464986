import AccessRules
import Glibc
import HTTPTypes
import Hummingbird
import JupyterServerAPI
import KernelWebSocket
import NIOCore
import TerminalHosting
import WebServing

/// Between HTTP and the API: access, bodies, headers.
struct HTTPGateway: HTTPResponder {
    typealias Context = GatewayContext

    let rules: AccessRules
    let handler: APIHandler

    func respond(to request: Request, context: Context) async throws -> Response {
        let (path, query) = HTTPGateway.parts(request.head.path ?? "/")
        let endpoint = Endpoint(path: path)
        var request = request
        // Nobody has to show anything to hear that there is no such method.
        guard RequestMetrics.knows(request.head) else {
            let answer = Answer.refusal(APIError(405))
            return (request.hasLongBody ? answer.last : answer).response(to: request)
        }
        if let error = request.head.refusal { return Answer.refusal(error).last.response(to: request) }
        if endpoint == .server(.logIn) {
            let (answer, headers) = try await LoginForm(rules: rules).answer(&request, query, context)
            return answer.response(to: request, headers: headers)
        }
        var access = AccessRequest(request.head, target: HTTPGateway.target(endpoint), query: query, endpoint: endpoint)
        access.isPublic = isPublic(endpoint)
        var decision = rules.decide(access, now: Int64(time(nil)))
        if endpoint == .server(.logOut) {
            decision.headers.removeAll { $0.name == "Set-Cookie" }
            decision.headers.append(rules.logOut(access))
        }
        if access.target == .page, let cookie = rules.xsrfCookie(for: access) { decision.headers.append(cookie) }
        var answer: Answer
        var isRead = false
        switch decision.outcome {
        case .preflight: answer = Answer(status: 200)
        case .redirected(let place): answer = Answer(status: 302, headers: [("Location", place)])
        case .refused(let error): answer = .refusal(error)
        case .allowed:
            guard let endpoint else {
                answer = .refusal(APIError(404))
                break
            }
            if let error = HTTPGateway.unicodeError(path) {
                answer = .refusal(error)
                break
            }
            guard let body = try await request.body(for: endpoint, context) else {
                answer = .tooLong(endpoint)
                break
            }
            isRead = true
            let fields = HTTPGateway.fields(of: request)
            answer = await handler.answer(
                endpoint, APIRequest(method: access.method, query: query, fields: fields, body: body))
            // Files have their dates.
            if access.target != .file {
                answer = try await EntityTag.tagged(answer, access.method, ifNoneMatch: fields["if-none-match"])
            }
        }
        if !isRead, request.hasLongBody { answer = answer.last }
        return answer.response(to: request, headers: decision.headers)
    }

    /// Why a path names nothing; nil when it is text. Something with a name of its own would be made of it otherwise.
    private static func unicodeError(_ path: String) -> APIError? {
        let bytes = PercentEncoding.bytes(path)
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        return APIError(400, "Invalid unicode in path: \(PythonText.quoted(bytes))")
    }

    /// What is asked for, because refusals differ.
    private static func target(_ endpoint: Endpoint?) -> AccessRequest.Target {
        switch endpoint {
        case .home, .server(.logOut): .page
        case .file: .file
        default: .api
        }
    }

    private func isPublic(_ endpoint: Endpoint?) -> Bool {
        endpoint == .metrics ? handler.metrics?.isPublic ?? false : endpoint?.isPublic ?? false
    }

    /// What becomes of a request to open a WebSocket.
    func open(_ head: HTTPRequest) async -> WebSocketAnswer {
        let (path, query) = HTTPGateway.parts(head.path ?? "/")
        let decision = rules.decide(AccessRequest(head, target: .webSocket, query: query), now: Int64(time(nil)))
        guard head.refusal == nil, let endpoint = Endpoint(path: path) else { return .decline }
        if endpoint == .server(.eventSubscription) { return openEvents(head, query: query) }
        guard case .allowed = decision.outcome else { return .decline }
        switch endpoint {
        case .kernelChannels(let id): return await openChannels(of: id, head, query)
        case .terminalSocket(let name):
            guard let terminal = await handler.terminals.terminals.terminal(name) else { return .decline }
            let socket = TerminalSocket(terminal: terminal)
            return .open(subprotocol: nil, headers: []) { messages, writer in await socket.serve(messages, writer) }
        default: return .decline
        }
    }

    private func openChannels(of id: String, _ head: HTTPRequest, _ query: [String: String]) async -> WebSocketAnswer {
        guard let kernel = try? await handler.kernels.kernel(id) else { return .decline }
        let since: UInt64?
        do { since = try EventNumber.read(since: query) } catch { return .decline }
        let offered = head.headerFields[values: .secWebSocketProtocol].flatMap {
            $0.split(separator: ",").map { String($0.filter { $0 != " " }) }
        }
        let framing = KernelFraming(offered: offered)
        // Without a name of its own a client cannot come back. Names are written down with each place that is noted.
        let client = query["session_id"].flatMap { (1...256).contains($0.utf8.count) ? $0 : nil } ?? JupyterID.random()
        let socket = KernelSocket(
            kernel: kernel, client: client, framing: framing, since: since)
        return .open(subprotocol: framing.subprotocol, headers: []) { messages, writer in
            await socket.serve(messages, writer)
        }
    }

    private static func parts(_ uri: String) -> (path: String, query: [String: String]) {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (uri, [:]) }
        return (String(uri[..<mark]), APIRequest.query(uri[mark...].dropFirst()))
    }

    private static let meaningful = [
        "accept", "idempotency-key", "if-modified-since", "if-none-match", "if-range", "last-event-id", "range",
    ]

    private static func fields(of request: Request) -> [String: String] {
        var found: [String: String] = [:]
        for name in meaningful { found[name] = HTTPField.Name(name).flatMap { request.headers[$0] } }
        return found
    }
}
