import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import Logging
import SessionRegister

/// `/api/sessions`. They outlive the server, as their kernels do.
actor SessionAPI {
    private let kernels: KernelAPI
    private let place: APIPlace
    private let store: SessionStore
    private let logger: Logger
    private var register: SessionRegister { didSet { save() } }
    /// Requests that wait for a session which another one is making.
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    /// Takes over what an earlier server has left in a database.
    init(_ kernels: KernelAPI, place: APIPlace, database: String, logger: Logger) throws {
        self.kernels = kernels
        self.place = place
        self.logger = logger
        store = try SessionStore(path: database)
        for sentence in store.damage { logger.warning("\(sentence)") }
        register = SessionRegister(store.sessions)
    }

    /// Forgets sessions whose kernels have ended while there was no server: a new kernel may get the id of an old one.
    func dropEnded() async {
        let living = await living()
        _ = register.list(isRunning: living.contains)
    }

    func list() async throws -> Answer {
        let living = await living()
        var models: [JSONValue] = []
        for session in register.list(isRunning: living.contains) {
            // One whose kernel has just been ended is forgotten when anybody next looks.
            if let model = try? await model(session) { models.append(model) }
        }
        return .json(.array(models))
    }

    func session(_ id: String) async throws -> Answer {
        let living = await living()
        return .json(try await model(try register.session(id, isRunning: living.contains)))
    }

    func create(_ request: APIRequest) async throws -> Answer {
        let wanted = try CreateSessionRequest(parsing: request.body)
        while true {
            let living = await living()
            switch try register.create(wanted, isRunning: living.contains) {
            case .there(let session):
                // Its kernel may have been ended just now: then the session is another one.
                if let answer = try? await created(session) { return answer }
            case .start(let start): return try await created(try await run(start).session)
            case .wait(let session): await withCheckedContinuation { waiting[session, default: []].append($0) }
            }
        }
    }

    func change(_ id: String, _ request: APIRequest) async throws -> Answer {
        let wanted = try ChangeSessionRequest(parsing: request.body)
        let living = await living()
        let changed: (session: Session, retired: String?)
        switch try register.change(id, wanted, isRunning: living.contains) {
        case .done(let session, let retired): changed = (session, retired)
        case .start(let start): changed = try await run(start)
        }
        if let retired = changed.retired { _ = try? await kernels.delete(retired) }
        return .json(try await model(changed.session))
    }

    func delete(_ id: String) async throws -> Answer {
        let living = await living()
        let kernel = try register.delete(id, isRunning: living.contains)
        guard (try? await kernels.delete(kernel)) != nil else { throw SessionRegister.kernelDeleted }
        return .done
    }

    private func run(_ start: KernelStart) async throws -> (session: Session, retired: String?) {
        defer { for continuation in waiting.removeValue(forKey: start.session) ?? [] { continuation.resume() } }
        let kernel: HostedKernel
        do {
            kernel = try await kernels.start(
                name: start.kernelName, id: start.kernelID, path: SessionAPI.folder(of: start.path))
        } catch let error as APIError {
            _ = register.fail(start, why: error.message)
            throw error
        }
        do {
            return try register.finish(start, kernelID: kernel.id)
        } catch {
            _ = try? await kernels.delete(kernel.id)
            throw error
        }
    }

    private func created(_ session: Session) async throws -> Answer {
        .json(try await model(session), status: 201, location: place.session(session.id))
    }

    private func model(_ session: Session) async throws -> JSONValue {
        session.model(kernel: await KernelAPI.model(try await kernels.kernel(session.kernelID))).json
    }

    private func save() {
        do { try store.keep(register.sessions) } catch {
            // Clients go on with what is in memory; the next change writes this one down, too.
            logger.warning("The next server will not know of these sessions as they are: \(error)")
        }
    }

    private func living() async -> Set<String> { Set(await kernels.kernels.all.map(\.id)) }

    /// The folder of a document, in which its kernel starts.
    private static func folder(of path: String) -> String {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? ""
    }
}
