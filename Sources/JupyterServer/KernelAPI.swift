import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import ServerEvents
import Tracing

/// `/api/kernelspecs` and `/api/kernels`.
struct KernelAPI: Sendable {
    let kernels: HostedKernels
    let specs: KernelSpecs
    let place: APIPlace
    let events: EventBus

    // MARK: Kernelspecs

    func listSpecs() -> Answer {
        .json(KernelSpecModel.list(specs.specs.map(\.model), default: specs.defaultName, at: place))
    }

    func spec(_ name: String) throws(APIError) -> Answer {
        guard let spec = specs.spec(name) else { throw .noKernelSpec(name) }
        return .json(spec.model.json(at: place))
    }

    func file(_ file: String, of name: String) throws(APIError) -> Answer {
        // What the server has made of it, which may stand elsewhere.
        if file == "kernel.json", let spec = specs.spec(name)?.model.spec { return .json(spec) }
        guard let bytes = specs.spec(name)?.files[file], KernelSpecModel.isResource(file) else { throw APIError(404) }
        return Answer(status: 200, headers: [("Content-Type", KernelSpecs.mediaType(file))], body: bytes)
    }

    // MARK: Kernels

    func models() async -> [KernelModel] {
        var models: [KernelModel] = []
        for kernel in await kernels.all { models.append(await KernelAPI.model(kernel)) }
        return models
    }

    func list() async -> Answer { .json(.array(await models().map(\.json))) }

    func start(_ request: APIRequest) async throws -> Answer {
        let wanted = try StartKernelRequest(parsing: request.body)
        if let id = wanted.kernelID, let kernel = await kernels.kernel(id) { return await started(kernel) }
        try EnvironmentLimit.check(wanted.environment)
        let kernel = try await start(
            name: wanted.name, id: wanted.kernelID, path: wanted.path ?? "", environment: wanted.environment)
        return await started(kernel)
    }

    private func started(_ kernel: HostedKernel) async -> Answer {
        .json(await KernelAPI.model(kernel).json, status: 201, location: place.kernel(kernel.id))
    }

    /// Starts a kernel for whoever wants one. Throws 501 for a kernelspec that there is not.
    func start(
        name: String?, id: String?, path: String, environment: [String: String] = [:]
    ) async throws -> HostedKernel {
        let name = name ?? specs.defaultName
        let id = id ?? JupyterID.random()
        return try await telling(.start, of: id, name) {
            guard let spec = specs.spec(name) else { throw APIError.kernelNotAvailable(name) }
            let origin = KernelOrigin(spec: spec.model.name, path: path, environment: environment)
            do {
                return try await withSpan("kernel start") { span in
                    span.attributes["husk.kernel.id"] = id
                    return try await kernels.start(id, from: origin)
                }
            } catch HostingError.full(let count) {
                // The status and the first words are those of Jupyter's kernel gateway.
                throw APIError(403, "Resource Limit: \(HostingError.full(count))", reason: "max_kernels")
            } catch let error as HostingError {
                throw APIError(409, "\(error)")
            } catch {
                throw APIError.kernelNotStarted(name, why: "\(error)")
            }
        }
    }

    func kernel(_ id: String) async throws(APIError) -> HostedKernel {
        guard let kernel = await kernels.kernel(id) else { throw .noKernel(id) }
        return kernel
    }

    func model(_ id: String) async throws(APIError) -> Answer {
        .json(await KernelAPI.model(try await kernel(id)).json)
    }

    func delete(_ id: String) async throws -> Answer {
        let name = try await kernel(id).origin.spec
        return try await telling(.shutdown, of: id, name) {
            guard await kernels.end(id) else { throw APIError.noKernel(id) }
            return .done
        }
    }

    func act(_ action: KernelAction, on id: String) async throws -> Answer {
        let kernel = try await kernel(id)
        return try await telling(action == .interrupt ? .interrupt : .restart, of: id, kernel.origin.spec) {
            try await act(action, on: kernel)
        }
    }

    private func act(_ action: KernelAction, on kernel: HostedKernel) async throws -> Answer {
        switch action {
        case .interrupt:
            await kernel.interrupt()
            return .done
        case .restart:
            do {
                try await withSpan("kernel restart") { span in
                    span.attributes["husk.kernel.id"] = kernel.id
                    try await kernel.restart()
                }
            } catch {
                // It may have been ended meanwhile.
                _ = try await self.kernel(kernel.id)
                throw APIError(500, APIError.restartFailed.message, reason: "\(error)")
            }
            return .json(await KernelAPI.model(kernel).json)
        }
    }

    /// The connection file of a kernel, whose sockets are opened for it.
    func connect(_ id: String) async throws -> Answer {
        let kernel = try await kernel(id)
        do {
            return Answer(
                status: 200, headers: [("Content-Type", "application/json")], body: try await kernel.connect().encoded()
            )
        } catch let error as HostingError {
            throw APIError(409, "\(error)")
        }
    }

    static func model(_ kernel: HostedKernel) async -> KernelModel {
        let state = await kernel.state
        return KernelModel(
            id: kernel.id, name: kernel.origin.spec, lastActivity: state.lastActivity,
            state: KernelModel.State(rawValue: state.activity.rawValue) ?? .unknown, connections: state.connections,
            reason: state.reason, message: state.message)
    }
}
