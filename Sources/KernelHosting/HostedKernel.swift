import BoundedQueue
import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LeaseWire
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
        /// For what a kernel itself writes down.
        let register: KernelRegister
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

    struct Client {
        let listener: Listener<ClientFront>
        let queue: EventQueue
    }

    /// Its id in the API.
    public nonisolated let id: String
    /// What it was started from.
    public nonisolated let origin: KernelOrigin
    private nonisolated let thread: EventThread
    let place: Place
    let keep: @Sendable (KernelRecord) async -> Void
    var record: KernelRecord
    private(set) var server: KernelServer?
    var clients: [String: Client] = [:]
    let observers = Observers()
    var sockets: KernelSockets?
    private(set) lazy var executions = Executions(
        kernel: id, register: ExecutionRegister(place.register.queue, kernel: id), loop: thread.loop)
    /// How many numbers the events of the interpreters before this one have.
    private(set) var base: UInt64
    /// What the interpreter before the current one has said.
    private(set) var past: PastEvents?
    /// Of interpreters that have ended, why; of the current one and of one that is on its way.
    private var deaths: [ObjectIdentifier: Death] = [:]
    /// Why there is no interpreter that could be taken over.
    private var loss: Death?
    private var isRestarting = false
    private var isEnding = false
    private var tellOwner: (@Sendable (String) -> Void)?
    /// What its owner has not been told yet.
    private var problems: [String] = []
    private var finish = KernelEnd.Awaited()
    var lastActivity: Int64
    /// How often clients were told how it is.
    var told = 0
    /// Who waits for an interpreter's end.
    private var ends: [ObjectIdentifier: [CheckedContinuation<Void, Never>]] = [:]
    /// Who waits for the end of a restart.
    private var restarts: [CheckedContinuation<Void, Never>] = []

    var death: Death? { server.map { deaths[ObjectIdentifier($0)] } ?? loss }

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
            activity: activity, death: death,
            lastActivity: max(lastActivity, server?.lastActivity ?? 0),
            connections: clients.count + observers.count + (tellOwner == nil ? 0 : 1))
    }

    /// The session id in the header of everything that it says; nil once it has ended.
    public var session: String? { server?.session }

    // MARK: Beginning and end

    /// Starts the interpreter, and serves it through sockets that somebody has opened.
    func start(through given: KernelSockets.Given? = nil) throws {
        let server = try makeServer(ports: given?.connection.portMembers)
        do {
            sockets = try given.map {
                try KernelSockets(server, taking: $0, file: place.connection(of: id), logger: place.logger)
            }
            try serve(server, through: sockets)
        } catch {
            // It runs, and nobody would know of it.
            server.end()
            throw error
        }
        self.server = server
        begin(server)
    }

    /// Takes over the interpreter that an earlier server started. Returns what was damaged, a sentence each.
    func adopt() throws -> [String] {
        let file = place.connection(of: id)
        var damage: [String] = []
        func loseSockets(_ error: any Error) throws {
            damage.append(
                "the sockets of the kernel \(id) are lost: \(error). \(file) is now \(try DamagedFile.setAside(file))")
        }
        var connection: ConnectionFile?
        do { connection = try KernelSockets.connection(in: file) } catch { try loseSockets(error) }
        let server = try KernelServer(
            attachingTo: journal, ports: connection?.portMembers ?? .object([:]), history: history,
            ledger: place.ledger, limits: origin.terms?.limits ?? place.limits,
            keeper: KeeperConnection(state: place.state, program: place.keeper), loop: thread.loop)
        self.server = server
        damage += server.damage
        do {
            sockets = try connection.map { try KernelSockets(server, resuming: $0, logger: place.logger) }
        } catch {
            try loseSockets(error)
        }
        try serve(server, through: sockets)
        begin(server)
        try? executions.resume(server, generation: record.generation)
        return damage
    }

    /// How many events an interpreter may have had beyond those that clients have shown to have, when it was lost with
    /// all that was known of it.
    private static let lostNumbers: UInt64 = 1 << 20

    /// Is dead, since the interpreter that was to be taken over is no more.
    func mourn(_ death: Death) {
        server = nil
        sockets = nil
        loss = death
        record.death = death
        if let events = EndedEvents(of: journal, session: record.session ?? id, loop: thread.loop) {
            past = PastEvents(events: events, base: base)
            base += events.lastSequence
        } else {
            // The next one's events get numbers that nobody knows.
            base = max(base, record.positions.values.max() ?? 0) + HostedKernel.lostNumbers
            record.base = base
        }
        // Without a register they are told as lost.
        try? executions.abandon("The kernel has ended: \(death)", reason: death.code)
    }

    /// Ends the interpreter and starts another one in the same sandbox, so that its files stay. One restart is enough for
    /// all who want one at the same time.
    public func restart() async throws { try await restart(because: .requested) }

    private func restart(because reason: Death) async throws {
        guard !isEnding else { throw HostingError.ended(id) }
        if isRestarting { return await endOfRestart() }
        isRestarting = true
        // JupyterLab takes it for the word that a kernel has died, so whoever restarts one is not told.
        if reason != .requested {
            for client in clients.values { tell(.restarting, because: reason, to: client.queue) }
        }
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
            do { try serve(new) } catch {
                new.end()
                throw error
            }
        } catch {
            record.generation -= 1
            throw error
        }
        record.base = base + (old?.lastSequence ?? 0)
        await keep(record)
        executions.isRestarting = reason == .requested
        if let old { await end(old, because: reason) }
        // It has said something at its end.
        if let old {
            past = PastEvents(events: old.endedEvents, base: base)
            base += old.lastSequence
        }
        record.base = base
        server = new
        if let old { deaths[ObjectIdentifier(old)] = nil }
        HostingMetrics.restarts.increment()
        begin(new)
        for client in clients.values { client.listener.move(to: new, base: base, past: past) }
        observers.move(to: new, base: base, past: past)
        do { try sockets?.move(to: new) } catch { place.logger.warning("The sockets of \(id) are lost: \(error)") }
        await keep(record)
        // The new one may have died while the old one was still the kernel's.
        if !isEnding, let reason = deaths[ObjectIdentifier(new)] { tellEnd(of: new, reason) }
    }

    /// Ends it for good. A restart that has begun comes first: what it has started is to end, too.
    public func end() async {
        isEnding = true
        if isRestarting { await endOfRestart() }
        if let server { await end(server) }
        for client in clients.values { client.queue.finish() }
        clients = [:]
        observers.finish()
        sockets?.close()
        sockets = nil
        server = nil
        unlink(place.connection(of: id))
        KernelServer.History.remove(place.history(of: id))
        finish.come(KernelEnd(death: .requested, lastWords: ""))
    }

    /// Lets go of it: it goes on, and the next process takes it over.
    func leave() {
        server?.leave()
        sockets?.close()
        // What libzmq still holds is sent before its context is let go.
        sockets = nil
        server = nil
        finish.come(nil)
    }

    /// A process owns it, and is told what its user should know.
    func noteOwner(_ tell: @escaping @Sendable (String) -> Void) {
        tellOwner = tell
        problems.forEach(tell)
        problems = []
    }

    /// What clients of its sockets have been told; nil when it has none.
    var connectionFile: ConnectionFile? { sockets?.connection }

    /// Waits for its end; nil when it goes on without this process.
    func finalEnd() async -> KernelEnd? {
        await withCheckedContinuation { finish.tell($0) }
    }

    /// Its name with the keeper.
    var keptName: String { record.kernelName }

    private func endOfRestart() async {
        await withCheckedContinuation { restarts.append($0) }
    }

    /// Whether it takes cells.
    var isAlive: Bool { server != nil && death == nil && !isRestarting }

    /// Somebody uses it.
    func noteUse() { lastActivity = WallClock.microseconds }

    private func begin(_ server: KernelServer) {
        record.session = server.session
        record.death = nil
        executions.begin(server, generation: record.generation)
        executions.onStubbornCell = { [weak self] in self?.assumeIsolated { $0.restartHard() } }
    }

    /// Ends the interpreter in the middle of its work, and the kernel if there is no other one to be had.
    private func restartHard() {
        Task { do { try await restart(because: .deadline) } catch { server?.end() } }
    }

    private func end(_ server: KernelServer, because reason: Death = .requested) async {
        let name = ObjectIdentifier(server)
        guard deaths[name] == nil else { return }
        server.end(isExpected: true, because: reason == .requested ? nil : reason)
        await withCheckedContinuation { ends[name, default: []].append($0) }
    }

    private func makeServer(ports: JSONValue? = nil) throws -> KernelServer {
        let keeper = try KeeperConnection(state: place.state, program: place.keeper)
        do {
            return try KernelServer(
                starting: try order(), in: journal, ports: ports ?? .object([:]), history: history,
                ledger: place.ledger, limits: origin.terms?.limits ?? place.limits, keeper: keeper, loop: thread.loop)
        } catch {
            // Its interpreter may run already; one that does not is not this connection's.
            try? keeper.send(.end(kernel: record.kernelName))
            throw error
        }
    }

    private func order() throws -> KernelOrder {
        guard var order = origin.terms?.order else { return try place.plan(origin, record.kernelName, id) }
        order.kernel = record.kernelName
        // Of its name, so that the files of one that is restarted stay.
        if order.sandboxName.isEmpty { order.sandboxName = id }
        return order
    }

    private func serve(_ server: KernelServer, through front: KernelSockets? = nil) throws {
        let ended = ObjectIdentifier(server)
        server.cellObserver = CellWatch(kernel: id)
        server.onProblem = { [weak self] problem in self?.assumeIsolated { $0.note(problem) } }
        server.onEnd = { [weak self] death in self?.assumeIsolated { $0.noteEnd(of: ended, death) } }
        try server.serve(front)
    }

    private func note(_ problem: String) {
        place.logger.warning("Of the kernel \(id) \(problem)")
        guard origin.terms != nil else { return }
        if let tellOwner { tellOwner(problem) } else { problems.append(problem) }
    }

    private func noteEnd(of ended: ObjectIdentifier, _ reason: Death) {
        deaths[ended] = reason
        for continuation in ends.removeValue(forKey: ended) ?? [] { continuation.resume() }
        lastActivity = WallClock.microseconds
        guard let server, ended == ObjectIdentifier(server) else { return }
        if isRestarting, reason == .requested {
            executions.fail("The kernel was restarted.", reason: "kernel_restarted")
        } else {
            executions.fail("The kernel has ended: \(reason)", reason: reason.code)
        }
        if !isEnding, !isRestarting { tellEnd(of: server, reason) }
    }

    private func tellEnd(of server: KernelServer, _ reason: Death) {
        HostingMetrics.died(reason)
        record.death = reason
        let record = record
        Task { await keep(record) }
        // A client's wish for the end is no death that the interpreter's events tell.
        if reason == .requested { for client in clients.values { tell(.dead, because: reason, to: client.queue) } }
        place.onDeath(KernelDeath(id: id, name: origin.spec, death: reason))
        finish.come(KernelEnd(death: reason, lastWords: server.lastWords))
    }

    private var journal: KernelServer.Place { .init(state: place.state, kernel: record.kernelName) }

    private var history: KernelServer.History { origin.terms?.history ?? .file(place.history(of: id)) }
}
