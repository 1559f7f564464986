public import JupyterServerAPI

/// Which document runs in which kernel (Jupyter Server, "Sessions API"). No input or output: whoever has the kernels
/// asks what to do, does it, and says how it went.
///
/// A session is as long-lived as its kernel: one whose kernel has ended is forgotten when anybody next looks at it.
public struct SessionRegister: Sendable {
    /// Whether there is a kernel with this id.
    public typealias IsRunning = (_ kernelID: String) -> Bool

    /// What waits for a kernel that starts.
    private struct Pending {
        let start: KernelStart
        /// The session's type; nil when it is an old one that changes.
        let type: String?
        let change: ChangeSessionRequest?
    }

    /// The sessions, the oldest first, also those whose kernel has ended since anybody last looked.
    public private(set) var sessions: [Session]
    private var pending: [String: Pending] = [:]

    /// A register of sessions that there are already.
    public init(_ sessions: [Session] = []) {
        self.sessions = sessions
    }

    /// The sessions whose kernels run, the oldest first.
    public mutating func list(isRunning: IsRunning) -> [Session] {
        sessions.removeAll { !isRunning($0.kernelID) }
        return sessions
    }

    /// The session with an id. Throws 404, also when its kernel has ended.
    public mutating func session(_ id: String, isRunning: IsRunning) throws(APIError) -> Session {
        guard let index = sessions.firstIndex(where: { $0.id == id }) else {
            throw APIError(404, "Session not found: session_id=\(PythonText.quoted(id))")
        }
        let session = sessions[index]
        guard isRunning(session.kernelID) else {
            sessions.remove(at: index)
            let why =
                "Kernel '\(session.kernelID)' appears to have been culled or died unexpectedly, "
                + "invalidating session '\(id)'. The session has been removed."
            throw APIError(404, "Session not found: \(PythonText.quoted(why))")
        }
        return session
    }

    /// Begins to make a session, unless there is one for its path. Throws 409 for the id of a kernel that is being
    /// started.
    ///
    /// - Parameter id: the new session's, if it becomes a new one.
    public mutating func create(
        _ request: CreateSessionRequest, id: String = JupyterID.random(), isRunning: IsRunning
    ) throws(APIError) -> SessionCreation {
        if let known = list(isRunning: isRunning).first(where: { $0.path == request.path }) { return .there(known) }
        if let twin = pending.values.first(where: { $0.type != nil && $0.start.path == request.path }) {
            return .wait(session: twin.start.session)
        }
        if let kernel = request.kernelID {
            if isRunning(kernel) {
                let session = Session(
                    id: id, path: request.path, name: request.name, type: request.type, kernelID: kernel)
                sessions.append(session)
                return .there(session)
            }
            guard !pending.values.contains(where: { $0.start.kernelID == kernel }) else {
                throw APIError(409, "Kernel already exists: \(kernel)")
            }
        }
        let start = KernelStart(
            session: id, path: request.path, name: request.name, kernelName: request.kernelName,
            kernelID: request.kernelID)
        pending[id] = Pending(start: start, type: request.type, change: nil)
        return .start(start)
    }

    /// Begins to change a session. Throws 404 for one that is not there, 400 for a kernel that is not.
    public mutating func change(
        _ id: String, _ request: ChangeSessionRequest, isRunning: IsRunning
    ) throws(APIError) -> SessionChange {
        let session = try session(id, isRunning: isRunning)
        if let kernel = request.kernelID, !isRunning(kernel) { throw APIError(400, "No such kernel: \(kernel)") }
        if request.kernelID == nil, let name = request.kernelName {
            guard pending[id] == nil else { throw APIError(409, "A kernel is being started for the session: \(id)") }
            let start = KernelStart(
                session: id, path: session.path, name: session.name, kernelName: name, kernelID: nil)
            pending[id] = Pending(start: start, type: nil, change: request)
            return .start(start)
        }
        let (changed, retired) = try apply(request, kernelID: request.kernelID, to: id)
        return .done(changed, retired: retired)
    }

    /// Makes or changes the session that a kernel was started for. Throws 404 when it has been deleted meanwhile: the
    /// kernel is to be ended then.
    ///
    /// Returns the session, and the kernel that it had before and that is to be ended.
    public mutating func finish(
        _ start: KernelStart, kernelID: String
    ) throws(APIError) -> (session: Session, retired: String?) {
        guard let pending = pending.removeValue(forKey: start.session) else {
            throw APIError(404, "Session not found: session_id=\(PythonText.quoted(start.session))")
        }
        if let change = pending.change { return try apply(change, kernelID: kernelID, to: start.session) }
        let session = Session(
            id: start.session, path: start.path, name: start.name, type: pending.type ?? "", kernelID: kernelID)
        sessions.append(session)
        return (session, nil)
    }

    /// Forgets a kernel that did not start.
    ///
    /// - Parameter why: the sentence for a user; nil when there is no such kernelspec.
    ///
    /// Returns what to answer: 501, or for a new session that fails by anything but its kernelspec 500.
    public mutating func fail(_ start: KernelStart, why: String?) -> APIError {
        let pending = pending.removeValue(forKey: start.session)
        let name = start.kernelName ?? "None"
        if pending?.change != nil { return .kernelNotStarted(name, why: why ?? "No such kernel named \(name)") }
        guard let why else { return .kernelNotAvailable(name) }
        return APIError(500, why)
    }

    /// Deletes a session. Throws 404 for one that is not there.
    ///
    /// Returns the kernel that is to be ended; when that turns out to be gone, the answer is `kernelDeleted`.
    public mutating func delete(_ id: String, isRunning: IsRunning) throws(APIError) -> String {
        let session = try session(id, isRunning: isRunning)
        sessions.removeAll { $0.id == id }
        if pending[id]?.change != nil { pending[id] = nil }
        return session.kernelID
    }

    /// The answer to who deletes a session whose kernel somebody else has ended at the same time.
    public static let kernelDeleted = APIError(410, "Kernel deleted before session")

    private mutating func apply(
        _ change: ChangeSessionRequest, kernelID: String?, to id: String
    ) throws(APIError) -> (session: Session, retired: String?) {
        guard let index = sessions.firstIndex(where: { $0.id == id }) else {
            throw APIError(404, "Session not found: session_id=\(PythonText.quoted(id))")
        }
        let before = sessions[index].kernelID
        sessions[index].path = change.path ?? sessions[index].path
        sessions[index].name = change.name ?? sessions[index].name
        sessions[index].type = change.type ?? sessions[index].type
        sessions[index].kernelID = kernelID ?? before
        return (sessions[index], sessions[index].kernelID == before ? nil : before)
    }
}
