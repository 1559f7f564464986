import EventJournal
import Glibc
import InterpreterChannel
public import JupyterProtocol
public import KeeperWire
public import LinuxKit

/// Serves one kernel: requests in, events out, the journal between, until the interpreter's death.
///
/// Everything happens on the thread of its event loop.
public final class KernelServer {
    /// Bytes that may wait for slow subscribers before the interpreter is slowed down.
    static let backlog = 16 << 20
    /// Bytes that at once may push out of the journal what nobody has had the time to read.
    static let large = 4 << 20
    /// Bytes of journal between two snapshots; a ring of several of these always holds one.
    static let snapshotInterval = 6 << 20

    /// The kernel's session id, in the header of everything it says.
    public let session: String
    /// Which limits bind, and by what.
    public let limitsInForce: [String]
    /// The directories of the sandbox's control groups; none where none can be made.
    public let controlGroups: [String]
    /// The interpreter's pid on the machine.
    public let interpreterPID: Int32
    /// Called once, when the kernel has ended and everything it said has been delivered or given up.
    public var onEnd: ((Death) -> Void)?
    /// Called with what a user should know and cannot see, a sentence each.
    public var onProblem: ((String) -> Void)? {
        get { history.onProblem }
        set {
            history.onProblem = newValue
            accounts.onProblem = newValue
        }
    }
    /// Called once, when the interpreter has said hello.
    public var whenReady: (() -> Void)?
    /// What the interpreter left on its standard error when it died before it had said hello, in one line: why it
    /// could not start.
    public var lastWords: String {
        let lines = String(decoding: leftBeforeHello, as: UTF8.self).split(separator: "\n")
        guard let last = lines.last else { return "" }
        let prefix = "husk: "
        return String(last.hasPrefix(prefix) ? last.dropFirst(prefix.count) : last)
    }

    /// Who watches how cells fare.
    public var cellObserver: (any CellObserver)?

    /// What was damaged of the kernel's files when this server took it over, a sentence each.
    public private(set) var damage: [String] = []

    var leftBeforeHello: [UInt8] = []
    let place: Place
    let isDurable: Bool
    /// The loop that it is served on.
    public let loop: EventLoop
    let keeper: KeeperConnection
    let descriptors: KernelDescriptors
    let channel: ServerChannel
    let journal: Journal
    let publisher: Publisher
    /// The clients that have places of their own.
    var followers: [Follower] = []
    /// Those that keep up and would lose events to a request as large as the journal.
    var spared: [Follower] = []
    var sparesFront = false
    let history: KernelHistory
    let accounts: CellAccounts
    /// Why this server ends the kernel, when nobody asked for it.
    var reasonToEnd: Death?
    var machine: SessionMachine
    var frames: MessageAssembler
    var sinceSnapshot = 0
    var lastFrame: UInt64
    var sentCount: UInt64
    private(set) weak var front: (any KernelFront)?
    /// Whether there has been anybody to hear what the publisher tells.
    var hasFront: Bool { front != nil }
    /// The cell that was interrupted last.
    private(set) var interrupted: UInt64?
    var death: Death?
    var watches: [EventLoop.Watch] = []
    var turn: EventLoop.Turn?
    var retry: EventLoop.Timer?
    private var isPumping = false
    /// Whether the journal has been found to lack something.
    var hasLost = false
    /// Whether what comes may be the rest of a message whose beginning is missing.
    var mayBeWithinMessage = false
    var hasReportedEnd = false

    private var deposit: [OwnedDescriptorBox] = []

    // MARK: Start and attach

    /// Starts a kernel.
    public init(
        starting order: KernelOrder, in place: Place, ports: JSONValue, history: History = .own,
        ledger: String? = nil, limits: KernelLimits = KernelLimits(), keeper: KeeperConnection, loop: EventLoop
    ) throws {
        self.place = place
        isDurable = order.orphanSeconds > 0
        self.loop = loop
        self.keeper = keeper
        let start = try KernelStart(order, keeper)
        descriptors = start.descriptors
        limitsInForce = start.facts.limits + limits.inForce
        controlGroups = start.facts.groups
        accounts = CellAccounts(Meter(start.facts, ledger: ledger, loop: loop))
        interpreterPID = start.facts.pid
        channel = try descriptors.channel(lastFrame: 0)
        mkdir("\(place.state)/kernels", 0o700)
        journal = try Journal.create(in: place.directory)
        publisher = try Publisher(journal, positionPath: "\(place.directory)/position")
        machine = SessionMachine(ports: ports)
        frames = MessageAssembler()
        lastFrame = 0
        sentCount = 0
        session = try place.makeSession()
        self.history = KernelHistory(
            path: history.path(in: place, isDurable: isDurable), kernel: session, loop: loop)
        try journal.write(
            .leftover, JournalEntry.encode(type: "status", content: EventRules.status("starting")))
        watch(limits)
    }

    /// Takes over a kernel whose server has gone: the state comes from the journal, the rest from the keeper.
    public init(
        attachingTo place: Place, ports: JSONValue, history: History = .own, ledger: String? = nil,
        limits: KernelLimits = KernelLimits(), keeper: KeeperConnection, loop: EventLoop
    ) throws {
        self.place = place
        isDurable = true
        self.loop = loop
        self.keeper = keeper
        var answer = try keeper.adopt(place.kernel)
        limitsInForce = answer.facts.limits + limits.inForce
        controlGroups = answer.facts.groups
        accounts = CellAccounts(Meter(answer.facts, ledger: ledger, loop: loop))
        interpreterPID = answer.facts.pid
        guard let descriptors = KernelDescriptors(&answer.descriptors) else {
            throw KernelError(code: "keeper_protocol", "The keeper gave no descriptors.")
        }
        self.descriptors = descriptors
        for index in 0..<Int(answer.facts.depositCount) {
            if let listener = answer.descriptors.take(KernelDescriptor.adopted.count + index) {
                deposit.append(OwnedDescriptorBox(listener))
            }
        }
        mkdir("\(place.state)/kernels", 0o700)
        journal = try Journal.open(in: place.directory)
        var damage = journal.damage
        damage += try ["session", "position", "hello"].compactMap { name throws(SystemError) in try place.check(name) }
        var recovery = SessionRecovery(ports: ports)
        recovery.read(journal)
        machine = recovery.machine
        frames = recovery.frames
        lastFrame = recovery.lastFrame
        channel = try descriptors.channel(lastFrame: recovery.lastFrame, isResumed: true)
        // The interpreter has been sent what the journal does not know of.
        let isBehind = channel.placedCount > recovery.sentCount
        if isBehind, !recovery.isPartial { damage.append("\(place.directory) lacks the latest requests") }
        let isPartial = recovery.isPartial || isBehind
        sentCount = isPartial ? channel.placedCount : recovery.sentCount
        publisher = try Publisher(journal, positionPath: "\(place.directory)/position")
        session = try place.readSession() ?? place.makeSession()
        self.history = KernelHistory(path: history.path(in: place, isDurable: true), kernel: session, loop: loop)
        self.damage = damage
        if isPartial {
            try copeWithLoss(isMarked: recovery.isPartial)
        } else {
            // What the dead server had decided and not done.
            let firstUnsent = recovery.sentCount - UInt64(recovery.sends.count) + 1
            for (index, send) in recovery.sends.enumerated() where firstUnsent + UInt64(index) > channel.placedCount {
                try channel.send(send.message, request: send.request)
            }
        }
        for output in recovery.memories + (isPartial ? [] : recovery.missing) { try perform(output) }
        if let ended = answer.facts.death { death = ended }
        accounts.resume(running: machine.runningCells)
        watch(limits)
    }

    /// Begins to serve: followers, and clients through `front`, which the caller keeps.
    public func serve(_ front: (any KernelFront)? = nil) throws {
        self.front = front
        if let front {
            publisher.makeGood(through: front, running: machine.running) { machine.memory[$0] }
        }
        watches.append(try loop.watch(channel.bell) { [unowned self] _ in channel.silence() })
        watches.append(try loop.watch(keeper.descriptor) { [unowned self] _ in listenToKeeper() })
        turn = loop.beforeWaiting { [unowned self] in pump() }
        journal.isNeeded = { [unowned self] segment in
            (sparesFront && publisher.segment <= segment) || spared.contains { $0.needs(segment) }
        }
    }

    /// Lets clients in through a front, too, which the caller keeps.
    ///
    /// - Parameters:
    ///   - sequence: the front is told what follows this event.
    ///   - ports: what requests for the connection are answered with.
    public func admit(through front: any KernelFront, after sequence: UInt64, ports: JSONValue) {
        publisher.start(after: sequence)
        machine.ports = ports
        self.front = front
    }

    /// Takes what an earlier server deposited: the listening sockets.
    public func takeDeposit() -> [OwnedDescriptorBox] {
        defer { deposit = [] }
        return deposit
    }

    /// Gives the keeper copies of the listening sockets.
    public func depositListeners(_ numbers: [Int32]) throws {
        if !numbers.isEmpty { try keeper.send(.deposit(kernel: place.kernel), descriptors: numbers) }
    }

    /// What it has said, to be told when it has ended.
    public var endedEvents: EndedEvents { EndedEvents(journal, machine.memory, session: session, loop: loop) }

    /// Why the interpreter has ended, or is about to; nil while it goes on.
    public var reasonOfEnd: Death? { death }

    // MARK: Clients

    /// Accepts a request. Called by the front. Returns its number; 0 when the kernel is dead.
    @discardableResult
    public func submit(_ request: ClientRequest) -> UInt64 {
        guard death == nil || !machine.isDead else { return 0 }
        accounts.use()
        var request = request
        request.number = machine.memory.nextNumber
        spareReaders(of: request.size)
        var writer = WireWriter()
        request.encode(into: &writer)
        attempt {
            try record(.request, request: request.number, writer.bytes)
            try handle(.request(request))
        }
        return request.number
    }

    /// Accepts the line that a running cell asked for. Called by the front.
    ///
    /// - Parameter request: the cell that asked; nil when the client does not say.
    public func provideInput(content: [UInt8], to request: UInt64?) {
        // The cell that asked has been interrupted, or nobody has asked: the next question wants an answer of its own.
        guard let request = request ?? machine.asking.max(), machine.asking.contains(request) else { return }
        attempt {
            try record(.stdin, request: request, content)
            try handle(.stdin(request: request, value: content))
        }
    }

    /// Interrupts the running cell, if there is one.
    public func interrupt() {
        guard let running = machine.running else { return }
        interrupted = running.number
        try? keeper.send(.interrupt(kernel: place.kernel))
    }

    /// Ends the kernel; `onEnd` follows.
    ///
    /// - Parameters:
    ///   - isExpected: whether clients know of it, so that nobody has to be told of a death.
    ///   - reason: why, if nobody wants it.
    public func end(isExpected: Bool = false, because reason: Death? = nil) {
        if isExpected { machine.isEnding = true }
        reasonToEnd = reasonToEnd ?? reason
        if (try? keeper.send(.end(kernel: place.kernel))) == nil { learn(.keeper) }
    }

    /// Lets go of the loop, and of the kernel, which goes on without a server.
    public func leave() {
        guard !hasReportedEnd else { return }
        hasReportedEnd = true
        stopServing()
        publisher.close()
    }

    /// Whether the interpreter has not said hello yet.
    public var isStarting: Bool { machine.hello == nil }

    /// Whether a cell runs or waits.
    public var isBusy: Bool { machine.running != nil }

    // MARK: The turn

    /// Takes in and gives out until there is nothing to do; then the loop may wait.
    private func pump() {
        guard !isPumping, !hasReportedEnd else { return }
        isPumping = true
        defer { isPumping = false }
        var isWorking = true
        while isWorking {
            isWorking = front?.receive() ?? false
            attempt {
                try channel.place()
                if try readChannel() { isWorking = true }
            }
            if let front, publisher.run(to: front, request: { machine.memory[$0] }) { isWorking = true }
            for follower in followers where follower.run(machine.memory) { isWorking = true }
            spared.removeAll { $0.isDone }
            if publisher.isDone { sparesFront = false }
            if let death, !machine.isDead, !isWorking {
                conclude(death)
                isWorking = true
            }
        }
        let isDone = (front == nil || publisher.isDone) && followers.allSatisfy(\.isDone)
        if machine.isDead, isDone { return reportEnd() }
        if !isDone { retrySoon() }
    }

    /// Journals and handles what the interpreter says. Returns whether there was anything.
    private func readChannel() throws -> Bool {
        var count = 0
        while count < 256, death != nil || mayGoOn(beyond: KernelServer.backlog),
            let frame = try channel.nextFrame()
        {
            count += 1
            if channel.lacksFrames, !hasLost {
                lastFrame = frame.number - 1
                try copeWithLoss(isMarked: false)
            }
            let output: MessageAssembler.Output?
            do {
                output = try frames.add(frame)
            } catch {
                guard mayBeWithinMessage else { throw error }
                // The rest of a message whose beginning is lost.
                mayBeWithinMessage = false
                frames = MessageAssembler()
                try record(dropping: frame)
                continue
            }
            if case .message? = output { mayBeWithinMessage = false }
            guard try isWanted(output) else {
                try record(dropping: frame)
                continue
            }
            // What a cell has used becomes a part of its reply, so it is written before.
            if case .message(let request, let message)? = output, message.type == "execute_reply",
                let facts = accounts.end(request)
            {
                try record(.usage, request: request, facts.encoded())
                cellObserver?.used(request, facts)
            }
            try record(frame.kind == .message ? frame : accounts.allowed(frame))
            if case .message(let request, let message)? = output {
                try handle(.message(request: request, message))
                if message.type == "hello" { place.keep(hello: message.content) }
                if let ready = whenReady, machine.hello != nil {
                    whenReady = nil
                    ready()
                }
            }
        }
        guard count > 0 else { return false }
        channel.acknowledge()
        try snapshotIfDue()
        return true
    }

    /// Goes on where the journal lacks something.
    ///
    /// - Parameter isMarked: whether the journal says so itself.
    private func copeWithLoss(isMarked: Bool) throws {
        hasLost = true
        if !isMarked { try journal.noteLoss() }
        frames = MessageAssembler()
        mayBeWithinMessage = true
        // Nobody is sent anything who has not said hello.
        let hello = place.readHello() ?? (channel.placedCount > 0 ? [:] : nil)
        for output in machine.lose(hello: hello) { try perform(output) }
        try writeSnapshot()
    }

    func handle(_ input: SessionMachine.Input) throws {
        observe(input)
        for output in machine.handle(input) {
            observe(output)
            try perform(output)
        }
    }

    private func perform(_ output: SessionMachine.Output) throws {
        switch output {
        case .publish(let type, let request, let content):
            try record(.publish, request: request, JournalEntry.encode(type: type, content: content))
        case .reply(let type, let number, let content):
            try record(.reply, request: number, JournalEntry.encode(type: type, content: content))
        case .history(let number):
            try record(
                .reply, request: number,
                JournalEntry.encode(
                    type: "history_reply", content: history.answer(machine.memory[number]?.content ?? [])))
        case .remember(let line, let input): history.remember(line: line, input: input)
        case .rememberResult(let line, let text): history.remember(line: line, result: text)
        case .send(let request, let message):
            sentCount += 1
            try channel.send(message, request: request)
            if message.type == "execute_request" { accounts.begin(request) }
        case .interrupt: interrupt()
        case .end: end()
        }
    }

    /// A subscriber without room does not ring.
    private func retrySoon() {
        guard retry == nil else { return }
        retry = loop.after(.milliseconds(10)) { [weak self] in self?.retry = nil }
    }

    // MARK: Limits and the meter

    private func watch(_ limits: KernelLimits) {
        machine.limitsInForce = limitsInForce
        accounts.onLongCell = { [weak self] in try? self?.keeper.send(.look) }
        accounts.watch(
            limits, loop: loop,
            actions: .init(
                interrupt: { [weak self] in self?.interrupt() },
                end: { [weak self] reason in
                    guard let self else { return }
                    reasonToEnd = reasonToEnd ?? reason
                    end()
                },
                tell: { [weak self] request, line in self?.tell(line, of: request) }))
    }

    /// Tells the user of a cell something, in a line.
    public func tell(_ line: String, of request: UInt64) {
        let content = EventRules.stream("stderr", Array("husk: \(line)\n".utf8))
        attempt { try record(.leftover, request: request, JournalEntry.encode(type: "stream", content: content)) }
    }
}
