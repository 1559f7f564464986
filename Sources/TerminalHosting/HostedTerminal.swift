public import BoundedQueue
import Glibc
import KeeperWire
import KernelRuntime
import LinuxKit
public import WebSocketTerminal

/// One terminal of a server, in a sandbox, on a thread of its own, and the clients that see it.
public actor HostedTerminal {
    /// Bytes that are read at once.
    private static let portion = 1 << 16
    /// Characters of the past that a new client is shown.
    private static let past = 1 << 16
    /// Bytes that wait for a program that does not read; a terminal's own buffer is some kilobytes.
    private static let typedAhead = 1 << 20
    /// Milliseconds that its program has to open it.
    private static let opening: Int32 = 10_000
    /// How soon it is looked for a program that has opened it again.
    private static let reopening = Duration.milliseconds(100)
    /// How long the others wait for a client that takes nothing.
    private static let patience = Duration.seconds(10)

    private struct Client {
        let queue: TerminalQueue
        var size: (rows: UInt16, columns: UInt16)?
    }

    /// Its name in the API.
    public nonisolated let name: String
    /// Its name with the keeper.
    nonisolated let keptName: String
    private nonisolated let thread: EventThread
    private let keeper: KeeperConnection
    private let onEnd: @Sendable () async -> Void
    private var master: TerminalMaster?
    private var watch: EventLoop.Watch?
    private var keeperWatch: EventLoop.Watch?
    private var stall: EventLoop.Timer?
    private var isReading = true
    private var isOpen = true
    private var text = TerminalText()
    private var shown = ""
    private var typed: [UInt8] = []
    private var clients: [ObjectIdentifier: Client] = [:]
    private var hasEnded = false
    /// The name of the sandbox that it is in.
    private(set) var sandbox = ""
    /// Who waits for that.
    private var ends: [CheckedContinuation<Void, Never>] = []
    /// When it last did something, in microseconds since 1970.
    public private(set) var lastActivity = WallClock.microseconds

    /// See the protocol that requires it.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Describes a terminal; `start` or `adopt` follows.
    ///
    /// - Parameter keptName: its name with the keeper.
    init(
        _ name: String, keptName: String, in place: TerminalPlace, onEnd: @escaping @Sendable () async -> Void
    ) throws {
        self.name = name
        self.keptName = keptName
        self.onEnd = onEnd
        keeper = try KeeperConnection(state: place.state, program: place.keeper)
        thread = try EventThread()
    }

    isolated deinit { thread.stop() }

    /// A name for the keeper: another one each time, since what has had it may still be on its way out.
    static func newName(for name: String) -> String { "\(prefix)\(name)-\(Hexadecimal.random(digits: 8))" }

    /// The name in the API of what the keeper has under a name; nil for what is no terminal.
    static func name(of kept: String) -> String? {
        guard kept.hasPrefix(prefix), let dash = kept.lastIndex(of: "-") else { return nil }
        return String(kept[..<dash].dropFirst(prefix.count))
    }

    private static let prefix = "terminal-"

    // MARK: Beginning and end

    /// Starts its program.
    func start(_ order: KernelOrder) throws {
        do { try open(order) } catch {
            hasEnded = true
            throw error
        }
    }

    private func open(_ order: KernelOrder) throws {
        var ends = try MessageSocket.pair()
        let mine = ends.take()
        let theirs = ends.take()
        sandbox = try keeper.start(order, descriptors: [theirs.descriptor.number]).facts.sandboxName
        close(theirs)
        // Others in the sandbox could stop the process on its way.
        var waiting = pollfd(fd: mine.descriptor.number, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, HostedTerminal.opening) > 0, var received = try mine.receive(),
            let descriptor = received.descriptors.take(0)
        else {
            try? keeper.send(.end(kernel: order.kernel))
            throw KernelError(code: "terminal_failed", "The terminal's program ended before it had begun.")
        }
        // The next server has it from the keeper.
        try keeper.send(.deposit(kernel: order.kernel), descriptors: [descriptor.number])
        try serve(TerminalMaster(adopting: descriptor))
    }

    /// Takes over the terminal that an earlier process started.
    func adopt() throws {
        var answer = try keeper.adopt(keptName)
        sandbox = answer.facts.sandboxName
        guard let descriptor = answer.descriptors.take(0) else {
            throw KernelError(code: "keeper_protocol", "The keeper gave no terminal.")
        }
        try serve(TerminalMaster(adopting: descriptor))
        if answer.facts.death != nil { conclude() }
    }

    private func close(_ socket: consuming MessageSocket) {}

    private func serve(_ master: consuming TerminalMaster) throws {
        self.master = consume master
        adjust()
        keeperWatch = try thread.loop.watch(keeper.descriptor) { [weak self] _ in
            self?.assumeIsolated { $0.listenToKeeper() }
        }
    }

    private func listenToKeeper() {
        do { while let _ = try keeper.next() { conclude() } } catch { conclude() }
    }

    /// Ends its programs, and waits for that: a connection that is closed at once may take the wish with it (unix(7):
    /// what has not been read becomes a reset).
    func end() async {
        guard !hasEnded else { return }
        if (try? keeper.send(.end(kernel: keptName))) == nil { return conclude() }
        await withCheckedContinuation { ends.append($0) }
    }

    /// Its program has ended: what it has shown is told, and that it is over.
    private func conclude() {
        guard !hasEnded else { return }
        hasEnded = true
        while master != nil, read() {}
        show(text.finish())
        for watch in [watch, keeperWatch] { if let watch { thread.loop.forget(watch) } }
        if let stall { thread.loop.cancel(stall) }
        for client in clients.values {
            client.queue.push(.disconnect)
            client.queue.finish()
        }
        clients = [:]
        master = nil
        try? keeper.send(.end(kernel: keptName))
        for end in ends { end.resume() }
        ends = []
        Task { await onEnd() }
    }

    // MARK: Clients

    /// Lets a client see it: from what is shown now.
    public func attach() -> TerminalQueue {
        let queue = TerminalQueue()
        queue.push(.setup)
        if !shown.isEmpty { queue.push(.output(shown)) }
        if hasEnded {
            queue.push(.disconnect)
            queue.finish()
        } else {
            clients[ObjectIdentifier(queue)] = Client(queue: queue)
        }
        return queue
    }

    /// Lets a client go.
    public func detach(_ queue: TerminalQueue) {
        queue.finish()
        guard clients.removeValue(forKey: ObjectIdentifier(queue)) != nil else { return }
        resize()
        goOn()
    }

    /// Takes what a client wants.
    public func take(_ request: TerminalRequest, from queue: TerminalQueue) {
        lastActivity = WallClock.microseconds
        switch request {
        case .input(let text):
            guard typed.count + text.utf8.count <= HostedTerminal.typedAhead else { return }
            typed.append(contentsOf: text.utf8)
            type()
        case .size(let rows, let columns):
            clients[ObjectIdentifier(queue)]?.size = (rows, columns)
            resize()
        }
    }

    /// Goes on reading when no client is too far behind: one of them has taken something.
    public func goOn() {
        guard !isReading, !hasEnded, !clients.values.contains(where: \.queue.isFull) else { return }
        if let stall { thread.loop.cancel(stall) }
        stall = nil
        isReading = true
        adjust()
    }

    /// As large as the smallest of those who show it, so that all see everything.
    private func resize() {
        let sizes = clients.values.compactMap(\.size)
        guard let rows = sizes.map(\.rows).min(), let columns = sizes.map(\.columns).min() else { return }
        master?.resize(rows: rows, columns: columns)
    }

    // MARK: Bytes

    private func go(_ readiness: EventLoop.Readiness) {
        if readiness.contains(.writable) { type() }
        if isReading, !readiness.isDisjoint(with: [.readable, .hungUp, .failed]) { _ = read() }
    }

    /// Reads once. Returns whether there was something.
    private func read() -> Bool {
        guard let reading = master?.read(upTo: HostedTerminal.portion) else { return false }
        switch reading {
        case .bytes(let bytes):
            lastActivity = WallClock.microseconds
            show(text.add(bytes))
            return true
        case .nothing: return false
        case .end:
            // Nobody has it open. A program may open it again; that its own has ended, the keeper says. The descriptor is
            // ready all the time meanwhile.
            isOpen = false
            adjust()
            thread.loop.after(HostedTerminal.reopening) { [weak self] in self?.assumeIsolated { $0.reopen() } }
            return false
        }
    }

    private func show(_ text: String) {
        guard !text.isEmpty else { return }
        shown += text
        if shown.utf8.count > 2 * HostedTerminal.past { shown = String(shown.suffix(HostedTerminal.past)) }
        for client in clients.values { client.queue.push(.output(text)) }
        if !hasEnded, clients.values.contains(where: \.queue.isFull) { pause() }
    }

    private func pause() {
        guard isReading, !hasEnded else { return }
        isReading = false
        adjust()
        stall = thread.loop.after(HostedTerminal.patience) { [weak self] in self?.assumeIsolated { $0.giveUp() } }
    }

    private func giveUp() {
        stall = nil
        for (id, client) in clients where client.queue.isFull {
            client.queue.finish(isLost: true)
            clients[id] = nil
        }
        goOn()
    }

    private func reopen() {
        guard !hasEnded else { return }
        isOpen = true
        adjust()
    }

    private func type() {
        guard let count = master?.write(typed) else { return }
        typed.removeFirst(count)
        adjust()
    }

    private func adjust() {
        var interest: EventLoop.Readiness = []
        if isReading, isOpen { interest.insert(.readable) }
        if !typed.isEmpty, isOpen { interest.insert(.writable) }
        if let watch { thread.loop.forget(watch) }
        watch = nil
        guard !interest.isEmpty, let number = master?.descriptor.number else { return }
        watch = try? thread.loop.watch(number, for: interest) { [weak self] readiness in
            self?.assumeIsolated { $0.go(readiness) }
        }
    }
}
