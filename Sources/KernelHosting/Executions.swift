import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit

/// The executions of a hosted kernel: requests of nobody's connection, whose results wait. On the kernel's thread.
///
/// While any is on its way the kernel's events are followed here, beside all clients.
final class Executions: KernelFront {
    static let identities: [[UInt8]] = [Array("execution".utf8)]

    /// Called when a cell has to be ended with its interpreter.
    var onStubbornCell: (() -> Void)?

    private static let restarted = (message: "The kernel was restarted.", reason: "kernel_restarted")

    private let kernel: String
    private let loop: EventLoop
    private let register: ExecutionRegister
    private var pending: [String: Execution] = [:]
    private var timers: [String: EventLoop.Timer] = [:]
    private var server: KernelServer?
    private var generation: UInt64 = 0
    private var follower: Follower?
    /// Whether the interpreter ends because somebody restarts the kernel.
    var isRestarting = false
    /// Whether somebody reads the events of executions as they come, whom the interpreter waits for instead.
    var isWatched = false {
        didSet { follower?.holdsUp = !isWatched }
    }

    init(kernel: String, register: ExecutionRegister, loop: EventLoop) {
        self.kernel = kernel
        self.register = register
        self.loop = loop
    }

    // MARK: Interpreters

    /// Goes on with a new interpreter; what the last one has not ended has failed.
    func begin(_ server: KernelServer, generation: UInt64) {
        fail(Executions.restarted.message, reason: Executions.restarted.reason)
        isRestarting = false
        self.server = server
        self.generation = generation
    }

    /// Goes on where an earlier process was.
    func resume(_ server: KernelServer, generation: UInt64) throws {
        self.server = server
        self.generation = generation
        var unsent: [ExecutionRegister.Entry] = []
        var since: UInt64?
        for entry in try register.unfinished() {
            if entry.generation != generation {
                let execution = Execution(id: entry.id, order: entry.order, number: 0)
                try register.finish(entry.id, execution.result(failure: Executions.restarted))
            } else if let number = server.number(of: entry.id) {
                pending[entry.id] = Execution(id: entry.id, order: entry.order, number: number)
                since = min(since ?? entry.since, entry.since)
            } else {
                // Written down by a process that did not come to submit it.
                unsent.append(entry)
            }
        }
        if let since { follow(after: since) }
        for entry in unsent { send(entry.id, entry.order) }
    }

    /// The interpreter was lost with an earlier process; nothing comes of what it has not ended.
    func abandon(_ message: String, reason: String) throws {
        for entry in try register.unfinished() {
            let execution = Execution(id: entry.id, order: entry.order, number: 0)
            try register.finish(entry.id, execution.result(failure: (message, reason)))
        }
    }

    /// The interpreter has ended, and everything that it said has been heard.
    func fail(_ message: String, reason: String) {
        for id in pending.keys.sorted() { conclude(id, failure: (message, reason)) }
    }

    // MARK: Callers

    /// Begins an execution. One whose key is known is the earlier one.
    func submit(_ id: String, _ order: ExecutionOrder, key: String?) throws -> ExecutionReport {
        if let key, let known = try register.entry(key: key) {
            guard known.order == order else { throw HostingError.keyReused(key) }
            return report(known)
        }
        guard let server else { throw HostingError.notRunning(kernel) }
        let since = server.lastSequence
        try register.add(
            .init(id: id, order: order, generation: generation, since: since, result: nil), key: key)
        if follower == nil { follow(after: since) }
        send(id, order)
        return ExecutionReport(id: id, metadata: order.metadata, state: .queued, facts: ["outputs": "[]"])
    }

    /// How an execution is; nil for one that is not known.
    func report(_ id: String) throws -> ExecutionReport? {
        if let execution = pending[id] { return report(execution) }
        return try register.entry(id).map(report)
    }

    /// The executions that have not ended, the oldest first.
    func reports() -> [ExecutionReport] { pending.values.sorted { $0.number < $1.number }.map(report) }

    /// Where the events of an execution begin; nil for one that is not known.
    func place(_ id: String) throws -> (generation: UInt64, since: UInt64, isPending: Bool)? {
        try register.entry(id).map { ($0.generation, $0.since, pending[id] != nil) }
    }

    /// Whether an execution runs, rather than waits or has ended.
    func isRunning(_ id: String) -> Bool { pending[id]?.began != nil }

    private func report(_ entry: ExecutionRegister.Entry) -> ExecutionReport {
        if let execution = pending[entry.id] { return report(execution) }
        let result = entry.result ?? [:]
        let error =
            entry.result == nil ? "The result could not be kept." : result["error"]?.stringValue
        return ExecutionReport(
            id: entry.id, metadata: entry.order.metadata, state: error.map { .failed($0) } ?? .complete, facts: result)
    }

    private func report(_ execution: Execution) -> ExecutionReport {
        execution.report(isAsking: server?.isAsking(execution.number) ?? false)
    }

    private func send(_ id: String, _ order: ExecutionOrder) {
        guard let server else { return }
        if follower == nil { follow(after: server.lastSequence) }
        let header = MessageHeader(
            id: id, session: server.session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: "execute_request")
        let number = server.submit(
            ClientRequest(
                origin: .shell, identities: Executions.identities, type: header.type, header: header.raw,
                metadata: JSONValue.object(order.metadata).encoded(), content: order.content.encoded()))
        pending[id] = Execution(id: id, order: order, number: number)
    }

    // MARK: Events

    private func follow(after sequence: UInt64) {
        follower = server?.follow(after: sequence, through: self, holdsUp: !isWatched)
    }

    /// See the protocol that requires it.
    func publish(_ message: OutgoingMessage) -> Bool {
        if message.dropped > 0 { for id in pending.keys { pending[id]?.isCut = true } }
        guard let id = message.parentID, pending[id] != nil else { return true }
        let hadBegun = isRunning(id)
        pending[id]?.take(message)
        if !hadBegun { watch(id) }
        if pending[id]?.isFinished == true {
            conclude(id, failure: ("The kernel ended while the cell ran.", "kernel_died"))
        }
        return true
    }

    /// See the protocol that requires it.
    func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        guard request.identities == Executions.identities, let id = message.parentID else { return }
        pending[id]?.take(reply: message)
    }

    /// See the protocol that requires it.
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        guard request.identities == Executions.identities, let id = message.parentID, let server else { return }
        pending[id]?.take(question: message, header: message.wire(session: server.session).header.raw)
    }

    private func conclude(_ id: String, failure: (message: String, reason: String)) {
        if let timer = timers.removeValue(forKey: id) { loop.cancel(timer) }
        guard var execution = pending.removeValue(forKey: id) else { return }
        if isRestarting { execution.cause = Executions.restarted }
        // It may have ended with its kernel.
        if execution.hasDied, let death = server?.reasonOfEnd, death != .requested {
            execution.reasonOfDeath = death.code
        }
        // Without room on the disk it is told as lost, and not as running for ever.
        try? register.finish(id, execution.result(failure: failure))
        guard pending.isEmpty, let follower else { return }
        server?.forget(follower)
        self.follower = nil
    }

    // MARK: Deadlines

    private func watch(_ id: String) {
        guard let execution = pending[id], let seconds = execution.order.deadline, let began = execution.began else {
            return
        }
        // It may have begun under an earlier process.
        let gone = Duration.microseconds(max(0, WallClock.microseconds - began))
        timers[id] = loop.after(max(.zero, .seconds(seconds) - gone)) { [weak self] in self?.press(id, .interrupt) }
    }

    private func press(_ id: String, _ step: DeadlineStep) {
        timers[id] = nil
        guard let execution = pending[id], let seconds = execution.order.deadline, let server else { return }
        pending[id]?.steps.append(step)
        server.tell(step.line(seconds: seconds), of: execution.number)
        guard let next = step.next else {
            onStubbornCell?()
            return
        }
        server.interrupt()
        timers[id] = loop.after(DeadlineStep.patience) { [weak self] in self?.press(id, next) }
    }
}
