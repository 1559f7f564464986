import ArgumentParser
import Glibc
import JupyterProtocol
import KernelRuntime
import LinuxKit
import Logging
import ZeroMQ

/// `husk kernel`: one kernel for a Jupyter client.
struct KernelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel",
        abstract: "Serve a kernel for the client that wrote a connection file.",
        discussion: """
            Jupyter clients call this themselves; `husk install` tells them how.

            Where `husk serve` runs on the same --state, the kernel is one of its kernels as long as this process lives. \
            --lease durable, --attach and the ipc transport keep it out of the server.
            """)

    enum Lease: String, ExpressibleByArgument { case attached, durable }

    @Option(name: [.customShort("f"), .customLong("f"), .long], help: "The connection file.")
    var connectionFile: String

    @Option(help: "attached: the sandbox ends with this process. durable: it waits for --attach.")
    var lease: Lease = .attached

    @Flag(help: "Take over the durable kernel of this connection file.")
    var attach = false

    @Option(help: "How long a durable sandbox lives without a server, for example 30m or 2h.")
    var orphanTimeout = DurationArgument(.seconds(3600))

    @Option(help: "How long to wait for a server that has gone, when one runs the kernel.")
    var serverTimeout = DurationArgument(.seconds(60))

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
                patience: .seconds(max(1, serverTimeout.duration.components.seconds)),
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
