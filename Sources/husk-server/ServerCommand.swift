import AccessRules
import ArgumentParser
import Command
import ContentsStore
import Glibc
import JupyterServer
import KernelHosting
import LinuxKit
import Logging

/// The program behind `husk serve`.
@main
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk serve",
        abstract: "Serve kernels over HTTP and WebSockets (Jupyter Server API).",
        discussion: """
            Options of `husk kernel` for the sandbox (--python, --mount, --env, --memory, …, --state) hold for every \
            kernel. Kernels outlive the server: the next one with the same --state takes them over.
            """)

    @Option(help: "The address to listen at. Beyond this machine only with a token.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 for any.")
    var port = 8888

    @Option(help: "What lets clients in; HUSK_TOKEN or a new one otherwise. An empty one lets everybody in.")
    var token: String?

    @Option(help: "The folder whose files are served and shown to kernels.")
    var root = "."

    @Option(help: "The name of the kernelspec.")
    var kernelName = "python3"

    @Option(help: ArgumentHelp("Another site whose pages may use the server; * for all.", valueName: "origin"))
    var allowOrigin: String?

    @Option(help: "Seconds that kernels live without a server.")
    var orphanTimeout: UInt64 = 3600

    @Option(help: "What resources cost, a JSON file as `husk usage` takes it. (default: $HUSK_PRICES)")
    var prices: String?

    @OptionGroup(title: "Culling")
    var culling: CullingOptions

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var sandbox: [String] = []

    func run() async throws {
        do {
            try await serve()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            ServerCommand.say("husk serve: \(KernelPlanner.message(for: error))")
            throw ExitCode(1)
        }
    }

    private func serve() async throws {
        var logger = Logger(label: "husk", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let token = token ?? ProcessVariables.value("HUSK_TOKEN") ?? Hexadecimal.random(digits: 48)
        guard !token.isEmpty || ["127.0.0.1", "::1", "localhost"].contains(host) else {
            ServerCommand.say("husk serve: --host \(host) lets other machines in; that needs a token")
            throw ExitCode(2)
        }
        OpenFiles.allowAll()
        let planner = try KernelPlanner(arguments: sandbox, orphanSeconds: max(1, orphanTimeout))
        guard let folder = ProcessVariables.resolved(root) else {
            ServerCommand.say("husk serve: --root \(root): there is no such folder")
            throw ExitCode(2)
        }
        let contents = try ContentsStore(root: folder)
        let kernels = try HostedKernels(
            state: planner.state, keeper: planner.keeper, ledger: planner.ledger, limits: planner.limits,
            maximum: planner.maximum
        ) { origin, kernel, sandbox in
            let below = contents.folder(of: origin.path)
            return try planner.order(
                kernel, sandbox: sandbox, root: folder, folder: below.isEmpty ? folder : "\(folder)/\(below)",
                environment: origin.environment)
        }
        for (id, reason) in try await kernels.adopt() {
            ServerCommand.say("husk serve: the kernel \(id) is gone: \(reason)")
        }
        let (spec, files) = try planner.specification()
        var rules = AccessRules(token: token, cookieSecret: Hexadecimal.random(digits: 64))
        rules.allowsRemoteHosts = !["127.0.0.1", "::1", "localhost"].contains(host)
        if let allowOrigin { rules.origins = allowOrigin == "*" ? .everybody : .one(allowOrigin) }
        var settings = ServerSettings(state: planner.state, root: folder)
        settings.culling = culling.rules
        settings.ledger = planner.ledger
        settings.prices = try PriceFile.read(prices)
        let server = JupyterServer(
            kernels: kernels, specs: KernelSpecs([.init(name: kernelName, spec: spec, files: files)]),
            contents: contents, rules: rules, settings: settings,
            logger: logger)
        let host = host.contains(":") ? "[\(host)]" : host
        try await server.run(host: self.host, port: port) { port in
            // As Jupyter users expect it: one line to copy.
            let query = token.isEmpty ? "" : "?token=\(token)"
            ServerCommand.say("Husk serves \(folder) at\n    http://\(host):\(port)/\(query)")
        }
        ServerCommand.say(
            "husk serve: stopped; kernels live on for \(orphanTimeout) s, or until a server takes them over")
    }

    private static func say(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }
}
