import Crypto
import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LeaseWire
import LinuxKit
import Logging

/// The life of the process behind `husk kernel`.
struct KernelProcess {
    let connection: ConnectionFile
    let file: String
    let lease: KernelCommand.Lease
    let attach: Bool
    let orphanSeconds: UInt64
    /// How long a server that has gone is waited for.
    let patience: Duration
    let history: KernelServer.History
    let options: SandboxOptions
    let others: InterpreterOptions
    let kernelspec: String?
    let logger: Logger

    func run() throws {
        let signals = try SignalSource([SIGINT, SIGTERM, SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        let loop = try EventLoop()
        guard let key = SigningKey(scheme: connection.signatureScheme, key: connection.key) else { return }
        let installation = try Installation.current()
        let place = KernelServer.Place(state: options.stateDirectory, kernel: kernelName)
        if attach {
            try checkPorts()
            let keeper = try KeeperConnection(state: place.state, program: installation.keeper)
            let kernel = try KernelServer(
                attachingTo: place, ports: connection.portMembers, history: history, ledger: UserData.ledger,
                limits: options.limits.kernel(), keeper: keeper, loop: loop)
            for text in kernel.damage { StandardError.line("husk kernel: \(text)") }
            return try serve(kernel, connection, kernel.takeDeposit(), key, signals, loop)
        }
        let server = mayHaveServer ? LeaseConnection(state: place.state) : nil
        let ports = try takePorts(server)
        try ports.register(key: key, signals: signals, loop: loop)
        try ports.write()
        let plan = try options.plan(telling: others.arguments, kernelspec: kernelspec.map(Kernelspec.init(folder:)))
        for notice in plan.notices { StandardError.line("husk kernel: \(notice)") }
        let planted = PlantedNames(plan.sandbox)
        defer { for notice in planted.notices { StandardError.line("husk kernel: \(notice)") } }
        if let server {
            guard let me = ProcessIdentity(pid: getpid()) else { throw Failure("/proc does not show this process") }
            let terms = LeaseTerms(
                order: options.order("owned", plan, orphanSeconds: UInt64(patience.components.seconds)),
                history: history, limits: options.limits.kernel(), owner: me)
            let kernel = try LeasedKernel(
                starting: terms, at: consume ports, server,
                .init(state: place.state, keeper: installation.keeper, patience: patience), loop)
            return try own(kernel, signals, loop)
        }
        let keeper = try KeeperConnection(state: place.state, program: installation.keeper)
        let kernel = try KernelServer(
            starting: options.order(place.kernel, plan, orphanSeconds: lease == .durable ? orphanSeconds : 0),
            in: place, ports: ports.connection.portMembers, history: history, ledger: UserData.ledger,
            limits: options.limits.kernel(), keeper: keeper, loop: loop)
        if lease == .durable { try kernel.depositListeners(ports.listeners.map { $0.descriptor.number }) }
        try serve(kernel, ports.connection, ports.listeners, key, signals, loop)
    }

    // MARK: A kernel of the server's

    /// A durable kernel may outlive this process, and socket files are found by those who are where this process is.
    private var mayHaveServer: Bool { lease == .attached && connection.transport == "tcp" }

    /// Takes the ports. Those of a kernel whose owner was killed a moment ago may not be free yet.
    private func takePorts(_ server: LeaseConnection?) throws -> KernelPorts {
        do {
            return try KernelPorts(of: connection, file: file)
        } catch {
            guard let server, (try? server.ask(.settle)) == .settled else { throw error }
            return try KernelPorts(of: connection, file: file)
        }
    }

    private func own(_ kernel: LeasedKernel, _ signals: consuming SignalSource, _ loop: EventLoop) throws {
        let signals = signals
        let owner = watchOwner(loop) { kernel.end() }
        _ = try loop.watch(signals.descriptor.number) { _ in
            while let signal = signals.next() { if signal == SIGINT { kernel.interrupt() } else { kernel.end() } }
        }
        try kernel.wait()
        withExtendedLifetime(owner) {}
    }

    // MARK: A kernel of this process

    private func serve(
        _ kernel: KernelServer, _ connection: ConnectionFile, _ listeners: [OwnedDescriptorBox], _ key: SigningKey,
        _ signals: consuming SignalSource, _ loop: EventLoop
    ) throws {
        let copies = try listeners.map { try $0.descriptor.duplicate().release() }
        let front: ZMQFront
        do {
            front = try ZMQFront(
                kernel, connection: connection, key: key, listeners: copies, isResumed: attach, loop: loop,
                logger: logger)
        } catch {
            throw Failure("connection file \(file): \(error)", status: Failure.usage)
        }
        kernel.onProblem = { [logger] in logger.warning("\($0)") }
        try kernel.serve(front)
        var ended: Death?
        kernel.onEnd = { death in
            ended = death
            loop.stop()
        }
        let signals = signals
        // A durable kernel outlives its server; an attached one ends with the connection to the keeper.
        let leave = { if lease == .durable || attach { loop.stop() } else { kernel.end() } }
        let owner = watchOwner(loop, leave)
        _ = try loop.watch(signals.descriptor.number) { _ in
            while let signal = signals.next() { if signal == SIGINT { kernel.interrupt() } else { leave() } }
        }
        try loop.run()
        withExtendedLifetime((owner, front)) {}
        kernel.leave()
        front.close()
        if let ended, ended != .requested {
            throw Failure(kernel.lastWords.isEmpty ? "\(ended)" : kernel.lastWords)
        }
    }

    /// The client that started this kernel; its death ends it. A pid that nobody has is no owner.
    private func watchOwner(_ loop: EventLoop, _ leave: @escaping () -> Void) -> OwnerWatch? {
        guard let text = Environment["JPY_PARENT_PID"], let pid = Int32(text), pid > 1,
            let process = try? ProcessHandle(pid: pid)
        else { return nil }
        let watch = OwnerWatch(process)
        watch.watch = try? loop.watch(watch.process.descriptor.number) { [unowned watch] _ in
            // Once: it is readable for ever.
            if let ended = watch.watch { loop.forget(ended) }
            leave()
        }
        return watch
    }

    /// The same for every process that is given the same connection file.
    private var kernelName: String {
        var hash = SHA256()
        hash.update(data: Array("husk kernel \(connection.key)".utf8))
        // A launcher may have one key for all the kernels that it registers.
        if let id = connection.registration?.kernelID { hash.update(data: Array(" \(id)".utf8)) }
        if connection.key.isEmpty { hash.update(data: Array(Files.absolute(file).utf8)) }
        return "k" + Hexadecimal.text(of: hash.finalize().prefix(10))
    }

    /// A kernel that is taken over has its ports; its clients could not learn them from such a file.
    private func checkPorts() throws {
        guard let socket = connection.firstOpenPort else { return }
        throw Failure(
            "connection file \(file): \(socket.field) is 0 or missing; --attach needs the file that the kernel has written",
            status: Failure.usage)
    }
}
