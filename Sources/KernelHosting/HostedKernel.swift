import Glibc
public import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit
import Logging
import Metrics

/// One kernel of a server, on a thread of its own: its interpreter, the next one after a restart, and its clients.
public actor HostedKernel {
    /// Where a hosted kernel's parts are, and who starts interpreters.
    struct Place: Sendable {
        let state: String
        let keeper: String
        let ledger: String?
        /// The file of the register, for what a kernel itself writes down.
        let register: String
        let limits: KernelLimits
        let logger: Logger
        let plan: @Sendable (KernelOrigin, _ kernel: String, _ sandbox: String) throws -> KernelOrder
        /// Called with each death that was not asked for.
        let onDeath: @Sendable (KernelDeath) -> Void

        /// Where a kernel remembers its cells.
        func history(of id: String) -> String { "\(state)/\(id).history.sqlite" }

        /// Where a kernel's connection file is, once it has sockets.
        func connection(of id: String) -> String { "\(state)/\(id).connection.json" }
    }

    private struct Client {
        let follower: Follower?
        let front: ClientFront
    }

    /// Its id in the API.
    public nonisolated let id: String
    /// What it was started from.
    public nonisolated let origin: KernelOrigin
    private nonisolated let thread: EventThread
    private let place: Place
    private let keep: @Sendable (KernelRecord) async -> Void
    private var record: KernelRecord
    private var server: KernelServer?
    private var clients: [String: Client] = [:]
    private let observers = Observers()
    private var sockets: KernelSockets?
    private(set) lazy var executions = Executions(kernel: id, path: place.register, loop: thread.loop)
    /// How many numbers the events of the interpreters before this one have.
    private var base: UInt64
    /// Of interpreters that have ended, why; of the current one and of one that is on its way.
    private var deaths: [ObjectIdentifier: Death] = [:]
    private var isRestarting = false
    private var isEnding = false
    private var lastActivity: Int64
    /// Who waits for an interpreter's end.
    private var ends: [ObjectIdentifier: [CheckedContinuation<Void, Never>]] = [:]
    /// Who waits for the end of a restart.
    private var restarts: [CheckedContinuation<Void, Never>] = []

    private var death: Death? { server.flatMap { deaths[ObjectIdentifier($0)] } }

    /// See the protocol that requires it.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Describes a kernel; `start` or `adopt` follows.
    init(_ record: KernelRecord, in place: Place, keep: @escaping @Sendable (KernelRecord) async -> Void) throws {
        id = record.id
        origin = record.origin
        thread = try EventThread()
        self.record = record
        self.place = place
        self.keep = keep
        base = record.base
        lastActivity = WallClock.microseconds
    }

    isolated deinit {
        server?.leave()
        thread.stop()
    }

    /// How it is.
    public var state: KernelState {
        let activity: KernelState.Activity =
            if isRestarting { .restarting } else if let server, death == nil {
                server.isStarting ? .starting : server.isBusy ? .busy : .idle
            } else { .dead }
        return KernelState(
            activity: activity, reason: death.map(\.description),
            lastActivity: max(lastActivity, server?.lastActivity ?? 0), connections: clients.count + observers.count)
    }

    /// The session id in the header of everything that it says; nil once it has ended.
    public var session: String? { server?.session }

    // MARK: Beginning and end

    /// Starts the interpreter.
    func start() throws {
        let server = try makeServer()
        self.server = server
        begin(server)
    }

    /// Takes over the interpreter that an earlier server started. Returns what was damaged, a sentence each.
    func adopt() throws -> [String] {
        let server = try KernelServer(
            attachingTo: journal, ports: .object([:]), history: history, ledger: place.ledger, limits: place.limits,
            keeper: KeeperConnection(state: place.state, program: place.keeper), loop: thread.loop)
        self.server = server
        var damage = server.damage
        let file = place.connection(of: id)
        do {
            sockets = try KernelSockets(resuming: server, file: file, logger: place.logger)
        } catch {
            damage.append(
                "the sockets of the kernel \(id) are lost: \(error). \(file) is now \(try DamagedFile.setAside(file))")
        }
        try serve(server, through: sockets)
        begin(server)
        try? executions.resume(server, generation: record.generation)
        return damage
    }

    /// Ends the interpreter and starts another one in the same sandbox, so that its files stay. One restart is enough for
    /// all who want one at the same time.
    public func restart() async throws {
        guard !isEnding else { throw HostingError.ended(id) }
        if isRestarting { return await endOfRestart() }
        isRestarting = true
        defer {
            isRestarting = false
            for continuation in restarts { continuation.resume() }
            restarts = []
        }
        let old = server
        record.generation += 1
        // The new one first: with the last interpreter the sandbox would end.
        let new: KernelServer
        do {
            new = try makeServer()
        } catch {
            record.generation -= 1
            throw error
        }
        record.base = base + (old?.lastSequence ?? 0)
        await keep(record)
        if let old { await end(old) }
        // It has said something at its end.
        base += old?.lastSequence ?? 0
        record.base = base
        server = new
        if let old { deaths[ObjectIdentifier(old)] = nil }
        HostingMetrics.restarts.increment()
        begin(new)
        for (client, present) in clients {
            let front = ClientFront(
                client: client, session: new.session, base: base, queue: present.front.queue)
            clients[client] = Client(follower: new.follow(after: 0, through: front), front: front)
        }
        observers.move(to: new, base: base)
        do { try sockets?.move(to: new) } catch { place.logger.warning("The sockets of \(id) are lost: \(error)") }
        await keep(record)
    }

    /// Ends it for good. A restart that has begun comes first: what it has started is to end, too.
    public func end() async {
        isEnding = true
        if isRestarting { await endOfRestart() }
        if let server { await end(server) }
        for client in clients.values { client.front.queue.finish() }
        clients = [:]
        observers.finish()
        sockets?.close()
        sockets = nil
        server = nil
        unlink(place.connection(of: id))
        KernelServer.History.remove(place.history(of: id))
    }

    /// Lets go of it: it goes on, and the next process takes it over.
    func leave() {
        server?.leave()
        sockets?.close()
        server = nil
    }

    private func endOfRestart() async {
        await withCheckedContinuation { restarts.append($0) }
    }

    /// Whether it takes cells.
    var isAlive: Bool { server != nil && death == nil && !isRestarting }

    /// Somebody uses it.
    func noteUse() { lastActivity = WallClock.microseconds }

    private func begin(_ server: KernelServer) {
        executions.begin(server, generation: record.generation)
        executions.onStubbornCell = { [weak self] in self?.assumeIsolated { $0.restartHard() } }
    }

    /// Ends the interpreter in the middle of its work, and the kernel if there is no other one to be had.
    private func restartHard() {
        Task { do { try await restart() } catch { server?.end() } }
    }

    private func end(_ server: KernelServer) async {
        let name = ObjectIdentifier(server)
        guard deaths[name] == nil else { return }
        server.end(isExpected: true)
        await withCheckedContinuation { ends[name, default: []].append($0) }
    }

    private func makeServer() throws -> KernelServer {
        let order = try place.plan(origin, record.kernelName, id)
        let server = try KernelServer(
            starting: order, in: journal, ports: .object([:]), history: history, ledger: place.ledger,
            limits: place.limits, keeper: KeeperConnection(state: place.state, program: place.keeper),
            loop: thread.loop)
        try serve(server)
        return server
    }

    private func serve(_ server: KernelServer, through front: KernelSockets? = nil) throws {
        let ended = ObjectIdentifier(server)
        server.cellObserver = CellWatch(kernel: id)
        server.onProblem = { [id, logger = place.logger] in logger.warning("Of the kernel \(id) \($0)") }
        server.onEnd = { [weak self] death in self?.assumeIsolated { $0.noteEnd(of: ended, death) } }
        try server.serve(front)
    }

    private func noteEnd(of ended: ObjectIdentifier, _ reason: Death) {
        deaths[ended] = reason
        for continuation in ends.removeValue(forKey: ended) ?? [] { continuation.resume() }
        lastActivity = WallClock.microseconds
        guard let server, ended == ObjectIdentifier(server) else { return }
        if !isEnding, !isRestarting { HostingMetrics.died(reason) }
        executions.fail("The kernel has ended: \(reason)", reason: "kernel_died")
        if !isEnding, !isRestarting {
            place.onDeath(KernelDeath(id: id, name: origin.spec, death: reason))
        }
    }

    private var journal: KernelServer.Place { .init(state: place.state, kernel: record.kernelName) }

    private var history: KernelServer.History { .file(place.history(of: id)) }

    // MARK: Clients

    /// Lets a client listen. One of the same name that listens already is sent away.
    ///
    /// - Parameter sequence: the last event that it knows; nil for what follows what it is known to have, if it has
    ///   been here before, or else for what comes from now on.
    public func attach(_ name: String, after sequence: UInt64? = nil) async -> EventQueue {
        detach(name)
        let queue = EventQueue()
        guard let server else {
            queue.finish()
            return queue
        }
        let front = ClientFront(client: name, session: server.session, base: base, queue: queue)
        let position = sequence ?? record.positions[name]
        let known = position.map { $0 > base ? $0 - base : 0 }
        clients[name] = Client(follower: server.follow(after: known, through: front), front: front)
        // A client that waits for a kernel to be ready learns at once how it is.
        if position == nil { tell(state.activity.rawValue, to: front) }
        await note(name, has: position ?? base + server.lastSequence)
        return queue
    }

    /// Opens its ZeroMQ sockets, if it has none yet. Returns the connection file, which any Jupyter client takes.
    public func connect() throws -> ConnectionFile {
        if let sockets { return sockets.connection }
        guard let server, isAlive else { throw HostingError.notRunning(id) }
        let sockets = try KernelSockets(
            server, file: place.connection(of: id), kernelName: origin.spec, logger: place.logger)
        self.sockets = sockets
        return sockets.connection
    }

    /// Notes that a client has shown to have everything up to an event, so that it can go on there when it comes back.
    public func note(_ name: String, has sequence: UInt64) async {
        guard record.note(name, has: sequence) else { return }
        await keep(record)
    }

    /// Lets a client go, unless another one of its name has come.
    public func detach(_ name: String, queue: EventQueue? = nil) {
        guard let client = clients[name], queue == nil || client.front.queue === queue else { return }
        clients[name] = nil
        if let follower = client.follower { server?.forget(follower) }
        client.front.queue.finish()
    }

    /// Lets somebody watch what all clients are told.
    ///
    /// - Parameters:
    ///   - sequence: the last event that it knows.
    ///   - isLive: whether it also wants what comes from now on, until it leaves; the queue ends otherwise.
    public func observe(after sequence: UInt64, isLive: Bool) -> EventQueue {
        guard let server else {
            let queue = EventQueue()
            queue.finish()
            return queue
        }
        return observers.add(to: server, base: base, after: sequence, request: nil, isLive: isLive)
    }

    /// Lets somebody watch one request of an interpreter, up to its end.
    func observe(_ request: String, generation: UInt64, since: UInt64, isLive: Bool) -> EventQueue {
        guard let server else {
            let queue = EventQueue()
            queue.finish()
            return queue
        }
        let place = generation == record.generation ? base + since : 0
        return observers.add(to: server, base: base, after: place, request: request, isLive: isLive)
    }

    /// Gives the cell that waits for a line a line. Returns whether there is one.
    public func provideInput(_ line: String) -> Bool {
        guard let server, server.isAsking else { return false }
        noteUse()
        server.provideInput(content: JSONValue.object(["value": .string(line)]).encoded(), to: nil)
        return true
    }

    /// Lets somebody go who has watched.
    public func forget(_ queue: EventQueue) { observers.forget(queue, of: server) }

    /// Takes a client's message.
    public func submit(_ message: WireMessage, over channel: KernelEvent.Channel, from client: String) {
        lastActivity = WallClock.microseconds
        guard let server else { return }
        switch channel {
        case .iopub: return
        case .stdin:
            guard message.header.type == "input_reply" else { return }
            let asker = clients[client]?.front.asker(parent: message.parentHeader)
            server.provideInput(content: message.content, to: asker)
        case .shell, .control:
            var request = ClientRequest(message, origin: channel == .control ? .control : .shell)
            request.identities = ClientFront.identities(client)
            server.submit(request)
        }
    }

    /// Writes down what has been used up to now, for somebody who wants to read it.
    public func writeUsage() { server?.writeUsage() }

    /// Interrupts what runs.
    public func interrupt() { server?.interrupt() }

    /// Says how the kernel is, beside the journal: it is no interpreter's word.
    private func tell(_ activity: String, to front: ClientFront) {
        let session = server?.session ?? id
        told += 1
        let header = MessageHeader(
            id: "\(session)_s\(told)", session: session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: "status")
        let message = WireMessage(
            identities: [], header: header, content: Array("{\"execution_state\":\"\(activity)\"}".utf8))
        front.queue.push(KernelEvent(channel: .iopub, message: message, sequence: 0))
    }

    private var told = 0
}
