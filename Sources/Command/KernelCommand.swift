import ArgumentParser
import Crypto
import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit
import Logging
import ZeroMQ

/// `husk kernel`: one kernel for a Jupyter client.
struct KernelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel",
        abstract: "Serve a kernel for the client that wrote a connection file.",
        discussion: "Jupyter clients call this themselves; `husk install` tells them how.")

    enum Lease: String, ExpressibleByArgument { case attached, durable }

    @Option(name: [.customShort("f"), .customLong("f"), .long], help: "The connection file.")
    var connectionFile: String

    @Option(help: "attached: the sandbox ends with this process. durable: it waits for --attach.")
    var lease: Lease = .attached

    @Flag(help: "Take over the durable kernel of this connection file.")
    var attach = false

    @Option(help: "How long a durable sandbox lives without a server, for example 30m or 2h.")
    var orphanTimeout = DurationArgument(.seconds(3600))

    @Option(help: "The database of inputs, shared by kernels; :memory: keeps them with this one.")
    var history: String?

    @Option(help: "The folder of the kernelspec that is started: the variables of its env are shown inside.")
    var kernelspec: String?

    @OptionGroup var options: SandboxOptions

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var ignored: [String] = []

    func run() throws {
        try Failure.report("kernel") {
            let others = try InterpreterOptions(checking: ignored, Installation.current())
            var logger = Logger(label: "husk", factory: { StreamLogHandler.standardError(label: $0) })
            logger.logLevel = .warning
            let connection = try readConnectionFile()
            try KernelProcess(
                connection: connection, file: connectionFile, lease: lease, attach: attach,
                orphanSeconds: UInt64(max(1, orphanTimeout.duration.components.seconds)),
                history: HistoryFile.resolve(history ?? others.historyFile), options: options,
                others: others, kernelspec: kernelspec, logger: logger
            ).run()
        }
    }

    private func readConnectionFile() throws -> ConnectionFile {
        let bytes: [UInt8]
        do {
            bytes = try WholeFile.read(connectionFile)
        } catch {
            throw Failure(
                "connection file \(connectionFile): \(SystemError.text(of: error.errno))", status: Failure.usage)
        }
        do {
            let connection = try ConnectionFile(parsing: bytes)
            if let keys = connection.curve { try check(keys) }
            return connection
        } catch let error as ConnectionFileError {
            throw Failure("connection file \(connectionFile): \(error)", status: Failure.usage)
        }
    }

    /// Clients would wait for ever, without a word, for a kernel whose keys do not belong together.
    private func check(_ keys: CurveKeys) throws {
        let fields = CurveKeys.fields
        guard ZMQCurve.isAvailable else {
            throw ConnectionFileError(
                field: fields.secretKey, "asks for encryption, and this libzmq has none; install one with libsodium")
        }
        guard try ZMQCurve.publicKey(of: keys.secretKey) == keys.publicKey else {
            throw ConnectionFileError(field: fields.publicKey, "does not belong to \(fields.secretKey)")
        }
    }
}

/// The life of the process behind `husk kernel`.
struct KernelProcess {
    let connection: ConnectionFile
    let file: String
    let lease: KernelCommand.Lease
    let attach: Bool
    let orphanSeconds: UInt64
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
        var connection = connection
        var listeners: [OwnedDescriptorBox] = []
        if attach {
            try checkPorts()
        } else {
            let taken = try KernelPorts(of: connection, file: file)
            try taken.register(key: key, signals: signals, loop: loop)
            try taken.write()
            (connection, listeners) = (taken.connection, taken.listeners)
        }
        let ports = connection.portMembers
        let place = KernelServer.Place(state: options.stateDirectory, kernel: kernelName)
        let installation = try Installation.current()
        let keeper = try KeeperConnection(state: place.state, program: installation.keeper)
        let kernel: KernelServer
        var planted: PlantedNames?
        defer { for notice in planted?.notices ?? [] { StandardError.line("husk kernel: \(notice)") } }
        if attach {
            kernel = try KernelServer(
                attachingTo: place, ports: ports, history: history, ledger: UserData.ledger,
                limits: options.limits.kernel(), keeper: keeper, loop: loop)
            listeners = kernel.deposit
            for text in kernel.damage { StandardError.line("husk kernel: \(text)") }
        } else {
            let plan = try options.plan(telling: others.arguments, kernelspec: kernelspec.map(Kernelspec.init(folder:)))
            for notice in plan.notices { StandardError.line("husk kernel: \(notice)") }
            planted = PlantedNames(plan.sandbox)
            let order = options.order(place.kernel, plan, orphanSeconds: lease == .durable ? orphanSeconds : 0)
            kernel = try KernelServer(
                starting: order, in: place, ports: ports, history: history, ledger: UserData.ledger,
                limits: options.limits.kernel(), keeper: keeper, loop: loop)
            if lease == .durable { try kernel.depositListeners(listeners.map { $0.descriptor.number }) }
        }
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
        let owner = watchOwner(loop, kernel)
        _ = try loop.watch(signals.descriptor.number) { _ in
            while let signal = signals.next() { react(to: signal, kernel, loop) }
        }
        try loop.run()
        withExtendedLifetime((owner, front)) {}
        kernel.leave()
        front.close()
        if let ended, ended != .requested {
            throw Failure(kernel.lastWords.isEmpty ? "\(ended)" : kernel.lastWords)
        }
    }

    private func react(to signal: Int32, _ kernel: KernelServer, _ loop: EventLoop) {
        if signal == SIGINT { return kernel.interrupt() }
        // A durable kernel outlives its server; an attached one ends with the connection to the keeper.
        if lease == .durable || attach { loop.stop() } else { kernel.end() }
    }

    /// The client that started this kernel; its death ends it. A pid that nobody has is no owner.
    private func watchOwner(_ loop: EventLoop, _ kernel: KernelServer) -> OwnerWatch? {
        guard let text = Environment["JPY_PARENT_PID"], let pid = Int32(text), pid > 1,
            let process = try? ProcessHandle(pid: pid)
        else { return nil }
        let watch = OwnerWatch(process)
        _ = try? loop.watch(watch.process.descriptor.number) { _ in
            if lease == .durable || attach { loop.stop() } else { kernel.end() }
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

/// The owner's process, held as long as it is watched.
final class OwnerWatch {
    let process: ProcessHandle

    init(_ process: consuming ProcessHandle) {
        self.process = process
    }
}
