import AccessRules
import JupyterProtocol
import JupyterServerAPI

/// Answers the requests of the API.
struct APIHandler: Sendable {
    /// The version of Jupyter Server whose API this is.
    static let version = "2.21.0"

    let kernels: KernelAPI
    let sessions: SessionAPI
    let contents: ContentsAPI
    let events: EventsAPI
    let executions: ExecutionAPI
    let terminals: TerminalAPI
    let metrics: MetricsAPI?
    let server: ServerAPI
    let started: Int64
    let activity = APIActivity()

    /// Answers a request that has passed. Refusals are answers too.
    func answer(_ endpoint: Endpoint, _ request: APIRequest) async -> Answer {
        guard endpoint.methods.contains(request.method) else { return .refusal(APIError(405)) }
        activity.note(endpoint, request)
        do {
            return try await handle(endpoint, request)
        } catch let error as APIError {
            return .refusal(error)
        } catch {
            return .refusal(APIError(500))
        }
    }

    private func handle(_ endpoint: Endpoint, _ request: APIRequest) async throws -> Answer {
        switch endpoint {
        case .home: home()
        case .version: .json(ServerStatus.version(APIHandler.version))
        case .health: .json(["status": "ok"])
        case .status: await status()
        case .identity:
            .json(try IdentityModel(username: "anonymous").json(permissions: request.query["permissions"] ?? ""))
        case .kernelSpecs: kernels.listSpecs()
        case .kernelSpec(let name): try kernels.spec(name)
        case .kernelSpecFile(let name, let file): try kernels.file(file, of: name)
        case .kernels: request.method == "POST" ? try await kernels.start(request) : await kernels.list()
        case .kernel(let id): request.method == "DELETE" ? try await kernels.delete(id) : try await kernels.model(id)
        case .kernelAction(let id, let action): try await kernels.act(action, on: id)
        case .kernelChannels(let id): try await refuseChannels(id, request)
        case .execute(let id):
            request.method == "POST" ? try await executions.execute(id, request) : try await executions.list(id)
        case .execution(let uid, let id):
            request.method == "DELETE"
                ? try await executions.cancel(uid, of: id) : try await executions.report(uid, of: id)
        case .input(let id): try await executions.input(id, request)
        case .kernelEvents(let id): try await events.read(id, request)
        case .connect(let id): try await kernels.connect(id)
        case .terminals: request.method == "POST" ? try await terminals.open(request) : await terminals.list()
        case .terminal(let name):
            request.method == "DELETE" ? try await terminals.delete(name) : try await terminals.model(name)
        case .terminalSocket(let name): try await refuseTerminal(name)
        case .sessions: request.method == "POST" ? try await sessions.create(request) : try await sessions.list()
        case .session(let id): try await session(id, request)
        case .contents(let path): try await contents.handle(path, request)
        case .checkpoints(let path): try await contents.checkpoints(of: path, request)
        case .checkpoint(let path, let id): try await contents.checkpoint(id, of: path, request)
        case .trust(let path): try await contents.trust(path)
        case .metrics:
            if let metrics { await metrics.answer(kernels.kernels) } else { throw APIError(404) }
        case .file(let path): try await contents.file(path, request)
        case .server(let endpoint): try await server.answer(endpoint, request)
        }
    }

    private func session(_ id: String, _ request: APIRequest) async throws -> Answer {
        switch request.method {
        case "PATCH": try await sessions.change(id, request)
        case "DELETE": try await sessions.delete(id)
        default: try await sessions.session(id)
        }
    }

    private func status() async -> Answer {
        let models = await kernels.models()
        let last = max(activity.time, models.map(\.lastActivity).max() ?? started)
        return .json(ServerStatus(started: started, lastActivity: last).json(kernels: models))
    }

    private func home() -> Answer {
        let text = "Husk serves kernels. Point JupyterLab here: jupyter lab --gateway-url=URL\n"
        return Answer(status: 200, headers: [("Content-Type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }

    private func refuseTerminal(_ name: String) async throws -> Answer {
        _ = try await terminals.model(name)
        throw APIError(400, "Can \"Upgrade\" only to \"WebSocket\".")
    }

    /// A request for what is a WebSocket that opens none.
    private func refuseChannels(_ id: String, _ request: APIRequest) async throws -> Answer {
        _ = try await kernels.kernel(id)
        // A client that heard nothing of its mistake would take what it misses for what has not been said.
        _ = try EventNumber.read(since: request.query)
        throw APIError(400, "Can \"Upgrade\" only to \"WebSocket\".")
    }
}
