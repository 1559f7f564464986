import AccessRules
import ArgumentParser
import Command
import ContentsStore
import Glibc
import JupyterServer
import JupyterServerAPI
import KernelHosting
import LinuxKit
import Metrics
import OTLPTracing
import PrometheusMetrics
import TerminalHosting
import WebServing

/// `husk serve`
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk serve",
        abstract: "Serve kernels over HTTP and WebSockets (Jupyter Server API).",
        discussion: """
            Options of `husk kernel` for the sandbox (--python, --mount, --env, --memory, …, --state) hold for every \
            kernel. Kernels outlive the server: the next one with the same --state takes them over.

            Every option can also be a variable (HUSK_ORPHAN_TIMEOUT for --orphan-timeout; lists with commas), or a \
            member of the JSON object in --config. The command line counts before variables, and these before the file.
            """)

    @Option(help: "The address to listen at. Beyond this machine only with a token.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 for any.")
    var port = 8888

    // A random token may begin with a dash.
    @Option(
        parsing: .unconditional,
        help: "What lets clients in; HUSK_TOKEN or a new one otherwise. An empty one lets everybody in.")
    var token: String?

    @Option(help: "The folder whose files are served and shown to kernels.")
    var root = "."

    @Option(help: "The name of the kernelspec.")
    var kernelName = "python3"

    @Option(help: ArgumentHelp("Another site whose pages may use the server; * for all.", valueName: "origin"))
    var allowOrigin: String?

    @Option(help: "Seconds that kernels live without a server; at least 1.")
    var orphanTimeout: UInt64 = 3600

    @Option(help: ArgumentHelp("Options in a file, a JSON object: {\"port\": 8888, …}.", valueName: "file"))
    var config: String?

    @OptionGroup var log: LogOptions

    @OptionGroup var certificate: CertificateOptions

    @OptionGroup var tracing: TracingOptions

    @Flag(help: "Answer /metrics also without the token.")
    var publicMetrics = false
    @Option(help: "What resources cost, a JSON file as `husk usage` takes it. (default: $HUSK_PRICES)")
    var prices: String?

    @OptionGroup(title: "Culling")
    var culling: CullingOptions

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var sandbox: [String] = []

    func validate() throws {
        guard ServerOption.ports.contains(port) else {
            throw ValidationError("\(ConfigurationError.outOfRange("--port \(port)", ServerOption.ports))")
        }
    }

    func run() async throws {
        do {
            try await serve()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            ServerCommand.say("husk serve: \(KernelPlanner.message(for: error))")
            throw ExitCode(error is ServerCertificateError || error is OTLPError ? 2 : 1)
        }
    }

    private func serve() async throws {
        let log = log
        let logger = log.logger()
        let token = token ?? Hexadecimal.random(digits: 48)
        let isLocal = ["127.0.0.1", "::1", "localhost"].contains(host)
        guard !token.isEmpty || isLocal else {
            ServerCommand.say("husk serve: --host \(host) lets other machines in; that needs a token")
            throw ExitCode(2)
        }
        OpenFiles.allowAll()
        let metrics = PrometheusMetrics(describing: MetricsAPI.descriptions)
        MetricsSystem.bootstrap(metrics)
        let exporter = try tracing.start(logger: logger)
        let planner = try KernelPlanner(arguments: sandbox, orphanSeconds: max(1, orphanTimeout))
        guard let folder = ProcessVariables.resolved(root) else {
            ServerCommand.say("husk serve: --root \(root): there is no such folder")
            throw ExitCode(2)
        }
        let contents = try ContentsStore(root: folder)
        let kernels = try HostedKernels(
            state: planner.state, keeper: planner.keeper, ledger: planner.ledger, limits: planner.limits,
            maximum: planner.maximum, logger: logger
        ) { origin, kernel, sandbox in
            // Jupyter's gateway clients name the folder in a variable.
            let wish = origin.path.isEmpty ? origin.environment["KERNEL_WORKING_DIR"] ?? "" : origin.path
            let below = contents.folder(of: ServerCommand.path(wish, below: folder))
            return try planner.order(
                kernel, sandbox: sandbox, root: folder, folder: below.isEmpty ? folder : "\(folder)/\(below)",
                environment: origin.environment)
        }
        for note in try await kernels.adopt(spec: kernelName) { log.say("husk serve: \(note)") }
        let leases = try KernelLeases(state: planner.state, kernels: kernels)
        try await leases.open()
        let terminals = HostedTerminals(
            TerminalPlace(state: planner.state, keeper: planner.keeper) { origin, name in
                let below = contents.folder(of: ServerCommand.path(origin.path, below: folder))
                return try planner.terminal(
                    name, sandbox: origin.sandbox ?? "", root: folder,
                    folder: below.isEmpty ? folder : "\(folder)/\(below)")
            })
        try await terminals.adopt()
        await kernels.whenEnded { id in Task { await terminals.endAll(in: id) } }
        let (spec, files) = try planner.specification()
        var rules = AccessRules(token: token, cookieSecret: Hexadecimal.random(digits: 64))
        rules.allowsRemoteHosts = !isLocal
        if let allowOrigin { rules.origins = allowOrigin == "*" ? .everybody : .one(allowOrigin) }
        let certificateFile = certificate.certificate.flatMap(ProcessVariables.resolved)
        let certificate = try certificate.read()
        var settings = ServerSettings(state: planner.state, root: folder)
        settings.culling = culling.rules
        settings.ledger = planner.ledger
        settings.prices = try PriceFile.read(prices)
        let server = try JupyterServer(
            kernels: kernels, terminals: terminals,
            specs: KernelSpecs([.init(name: kernelName, spec: spec, files: files)]), contents: contents, rules: rules,
            settings: settings, metrics: MetricsAPI(metrics, isPublic: publicMetrics), logger: logger)
        let host = host.contains(":") ? "[\(host)]" : host
        let serve = { @Sendable [address = self.host, port, state = planner.state, certificateFile] in
            try await server.run(host: address, port: port, certificate: certificate) { port in
                // As Jupyter users expect it: one line to copy.
                let query = token.isEmpty ? "" : "?token=\(PercentEncoding.encoded(path: token))"
                let scheme = certificate == nil ? "http" : "https"
                let reachable = ["0.0.0.0", "[::]"].contains(host) ? "127.0.0.1" : host
                let notice = ServerNotice(
                    url: "\(scheme)://\(reachable):\(port)", token: token, certificate: certificateFile)
                do { try notice.write(in: state) } catch {
                    log.say("husk serve: husk connect and husk logs will not find this server: \(error)")
                }
                log.say("Husk serves \(folder) at\n    \(scheme)://\(host):\(port)/\(query)")
            }
        }
        if let exporter { try await exporter.whileRunning(serve) } else { try await serve() }
        ServerNotice.remove(in: planner.state)
        await leases.close()
        await kernels.leave()
        log.say(
            "husk serve: stopped; kernels live on for \(orphanTimeout) s, or until a server takes them over")
    }

    /// A path as the contents API has it, of one that may be this machine's.
    private static func path(_ path: String, below folder: String) -> String {
        path.hasPrefix("\(folder)/") ? String(path.dropFirst(folder.count + 1)) : path
    }

    static func say(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }
}
