public import AccessRules
import ConfigStore
public import ContentsStore
import Glibc
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import JupyterServerAPI
public import KernelHosting
public import Logging
import NIOCore
import ServerEvents
import ServiceLifecycle
public import TerminalHosting
public import WebServing

/// A server of the Jupyter Server API: kernels and their channels, sessions, contents.
public struct JupyterServer: Sendable {
    private let gateway: HTTPGateway
    private let work: ServerWork
    private let sessions: SessionAPI
    private let logger: Logger

    /// Puts a server together. Throws when the sessions of an earlier one cannot be read.
    ///
    /// - Parameters:
    ///   - rules: who may use it.
    ///   - contents: the files that it serves.
    ///   - settings: what an operator decides about it as a whole.
    ///   - place: where its URLs begin.
    ///   - metrics: what `/metrics` answers; nil for nothing.
    public init(
        kernels: HostedKernels, terminals: HostedTerminals, specs: KernelSpecs, contents: ContentsStore,
        rules: AccessRules, settings: ServerSettings, place: APIPlace = APIPlace(), metrics: MetricsAPI? = nil,
        logger: Logger
    ) throws {
        let bus = EventBus()
        let kernelAPI = KernelAPI(kernels: kernels, specs: specs, place: place, events: bus)
        work = ServerWork(kernels: kernelAPI, culling: settings.culling, logger: logger)
        sessions = try SessionAPI(
            kernelAPI, place: place, database: "\(settings.state)/sessions.sqlite", logger: logger)
        gateway = HTTPGateway(
            rules: rules,
            handler: APIHandler(
                kernels: kernelAPI, sessions: sessions,
                contents: ContentsAPI(store: contents, place: place, events: bus),
                events: EventsAPI(kernels: kernelAPI),
                executions: ExecutionAPI(kernels: kernelAPI, place: place),
                terminals: TerminalAPI(terminals: terminals, kernels: kernelAPI), metrics: metrics,
                server: ServerAPI(
                    config: ConfigAPI(store: ConfigStore(folder: "\(settings.state)/serverconfig")),
                    paths: PathAPI(contents: contents, kernels: kernelAPI, root: settings.root),
                    events: ServerEventsAPI(bus: bus),
                    usage: UsageAPI(kernels: kernelAPI, ledger: settings.ledger, prices: settings.prices),
                    kernels: kernelAPI,
                    stop: { kill(getpid(), SIGTERM) }, logger: logger),
                started: Int64(time(nil)) * 1_000_000))
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT; requests that have begun are finished. Throws ``ListeningError`` when it cannot.
    ///
    /// - Parameters:
    ///   - certificate: what it shows to clients over TLS; nil without TLS.
    ///   - whenReady: called with the port once clients can connect.
    public func run(
        host: String, port: Int, certificate: ServerCertificate? = nil, whenReady: @escaping @Sendable (Int) -> Void
    ) async throws {
        await sessions.dropEnded()
        let gateway = ObservedGateway(gateway: gateway, logger: logger)
        let builder = HTTPServerBuilder { responder in
            WebSocketUpgradeChannel(isSecure: certificate != nil, responder: responder) { await gateway.open($0) }
        }
        var application = Application(
            responder: gateway,
            server: try certificate.map { try .tls(builder, tlsConfiguration: $0.configuration) } ?? builder,
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in whenReady(channel.localAddress?.port ?? port) }, logger: logger)
        application.addServices(work)
        do {
            try await application.runService()
        } catch let error as IOError {
            throw ListeningError(error.errnoCode, host: host, port: port) ?? error
        }
    }
}
