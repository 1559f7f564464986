import JupyterProtocol
import JupyterServerAPI
import KernelRuntime
import TerminalHosting

/// `/api/terminals` (jupyter_server_terminals).
struct TerminalAPI: Sendable {
    let terminals: HostedTerminals
    let kernels: KernelAPI

    func list() async -> Answer {
        var models: [JSONValue] = []
        for terminal in await terminals.all { models.append(await TerminalAPI.model(terminal).json) }
        return .json(.array(models))
    }

    /// Opens a terminal, in a sandbox of its own or, beyond the API, in that of a `kernel`.
    func open(_ request: APIRequest) async throws -> Answer {
        let wanted = try OpenTerminalRequest(parsing: request.body)
        if let id = wanted.kernel { _ = try await kernels.kernel(id) }
        let origin = TerminalOrigin(path: wanted.folder, sandbox: wanted.kernel)
        do {
            return .json(await TerminalAPI.model(try await terminals.open(wanted.name, from: origin)).json)
        } catch let error as KernelError {
            throw APIError(500, "The terminal could not be opened: \(error)", reason: error.code)
        }
    }

    func model(_ name: String) async throws(APIError) -> Answer {
        guard let terminal = await terminals.terminal(name) else { throw TerminalAPI.missing(name) }
        return .json(await TerminalAPI.model(terminal).json)
    }

    func delete(_ name: String) async throws(APIError) -> Answer {
        guard await terminals.end(name) else { throw TerminalAPI.missing(name) }
        return .done
    }

    private static func missing(_ name: String) -> APIError { APIError(404, "Terminal not found: \(name)") }

    private static func model(_ terminal: HostedTerminal) async -> TerminalModel {
        TerminalModel(name: terminal.name, lastActivity: await terminal.lastActivity)
    }
}
