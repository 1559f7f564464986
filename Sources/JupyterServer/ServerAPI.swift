import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import Logging

/// What of the API is about the server as a whole.
struct ServerAPI: Sendable {
    let config: ConfigAPI
    let paths: PathAPI
    let events: ServerEventsAPI
    let usage: UsageAPI
    let kernels: KernelAPI
    /// Ends the server as an operator would.
    let stop: @Sendable () -> Void
    let logger: Logger

    func answer(_ endpoint: ServerEndpoint, _ request: APIRequest) async throws -> Answer {
        switch endpoint {
        case .config(let section): try await config.handle(section, request)
        case .specification: ServerAPI.specification
        case .resolvePath: try await paths.resolve(request)
        case .shutdown: await shutDown()
        case .securityReport: note(request)
        // The gateway answers it: who may is its business.
        case .logIn: throw APIError(404)
        case .logOut: ServerAPI.loggedOut
        case .usage: try await usage.read(request)
        case .events: try events.tell(request)
        case .eventSubscription: throw APIError(400, "Can \"Upgrade\" only to \"WebSocket\".")
        }
    }

    /// Ends the kernels, as Jupyter Server does, and then the server; this request is finished first.
    private func shutDown() async -> Answer {
        logger.warning("The server ends its kernels and stops: POST /api/shutdown")
        await withTaskGroup(of: Void.self) { group in
            for kernel in await kernels.kernels.all { group.addTask { _ = try? await kernels.delete(kernel.id) } }
        }
        stop()
        return Answer(status: 200)
    }

    /// Puts what a browser has refused to do into the log.
    private func note(_ request: APIRequest) -> Answer {
        // Whatever it is: it has been somebody else's page.
        let text = String(decoding: request.body.prefix(4096), as: UTF8.self)
        logger.warning("Content security violation: \(PythonText.quoted(text))")
        return Answer(status: 200, headers: [("Content-Type", "application/json")])
    }

    private static let specification = Answer(
        status: 200, headers: [("Content-Type", "text/x-yaml")], body: Array(APISpecification.yaml.utf8))

    private static let loggedOut = Answer(
        status: 200, headers: [("Content-Type", "text/html; charset=UTF-8")],
        body: Array("<!DOCTYPE html>\n<title>Husk</title>\n<p>Successfully logged out.</p>\n".utf8))
}
