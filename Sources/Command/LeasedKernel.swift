import Glibc
import JupyterProtocol
import JupyterServerAPI
import KeeperWire
import KernelRuntime
import LeaseWire
import LinuxKit

/// A kernel that the server of the state directory runs for this process. It lives as long as this process does, and
/// this process waits for a server that has gone.
///
/// For the thread of its loop.
final class LeasedKernel {
    /// How often a server that has gone is looked for.
    private static let interval = Duration.milliseconds(100)

    private let id: String
    /// Its name with the keeper.
    private var kept: String
    private let place: ServerPlace
    private let loop: EventLoop
    private var server: LeaseConnection?
    private var watch: EventLoop.Watch?
    private var patience: EventLoop.Timer?
    /// Whether what runs is to be interrupted, once there is a server.
    private var isInterrupted = false
    private var outcome: Failure?

    /// Where the server and the keeper are, and how long a server may be away.
    struct ServerPlace {
        let state: String
        let keeper: String
        let patience: Duration
    }

    /// Lets the server start a kernel with the ports of this process, which has them no more then. Blocks until its
    /// interpreter runs.
    init(
        starting terms: LeaseTerms, at ports: consuming KernelPorts, _ server: LeaseConnection, _ place: ServerPlace,
        _ loop: EventLoop
    ) throws {
        let request = LeaseRequest.start(
            ids: LeasedKernel.ids(of: ports), connection: ports.connection.encoded(), terms)
        switch try server.ask(request, descriptors: ports.listeners.map { $0.descriptor.number }) {
        case .running(let id, let kernel): (self.id, kept) = (id, kernel)
        case .refused(let reason): throw Failure(reason)
        case .ended(let death, let lastWords): throw LeasedKernel.failure(death, lastWords)
        case .hello, .settled, .notice, .connection:
            throw Failure("the server on \(place.state) gives wrong answers; restart it")
        }
        self.place = place
        self.loop = loop
        try follow(server)
    }

    /// Waits for its end. Throws what has become of it when nobody had asked for that.
    func wait() throws {
        try loop.run()
        if let outcome { throw outcome }
    }

    /// Interrupts what runs.
    func interrupt() {
        guard let server else { return isInterrupted = true }
        server.tell(.interrupt)
    }

    /// Ends it.
    func end() {
        if let server { return server.tell(.end) }
        stopKept()
        loop.stop()
    }

    // MARK: The server

    private func follow(_ server: LeaseConnection) throws {
        self.server = server
        watch = try loop.watch(server.descriptor) { [unowned self] _ in listen() }
    }

    private func listen() {
        guard let server else { return }
        switch try? server.next() {
        case .ended(let death, let lastWords):
            if death != .requested { outcome = LeasedKernel.failure(death, lastWords) }
            loop.stop()
        case .notice(let text): StandardError.line("husk kernel: \(text)")
        default: lose()
        }
    }

    private func lose() {
        if let watch { loop.forget(watch) }
        (server, watch) = (nil, nil)
        StandardError.line("husk kernel: the server on \(place.state) has gone; waiting \(place.patience) for it")
        patience = loop.after(place.patience) { [unowned self] in
            stopKept()
            finish(
                Failure(
                    "the server on \(place.state) has gone and not come back for \(place.patience); the kernel has ended"
                ))
        }
        seek()
    }

    private func seek() {
        loop.after(LeasedKernel.interval) { [unowned self] in
            guard let server = LeaseConnection(state: place.state), let reply = try? server.ask(.resume(id: id)) else {
                return seek()
            }
            if let patience { loop.cancel(patience) }
            switch reply {
            case .running(_, let kernel):
                kept = kernel
                do { try follow(server) } catch { return finish(Failure("\(error)")) }
                if isInterrupted { server.tell(.interrupt) }
                isInterrupted = false
            case .refused(let reason): finish(Failure(reason))
            case .hello, .settled, .ended, .notice, .connection:
                finish(Failure("the server on \(place.state) gives wrong answers"))
            }
        }
    }

    /// Ends it without a server.
    private func stopKept() {
        guard KeeperConnection.exists(state: place.state) else { return }
        try? KeeperConnection(state: place.state, program: place.keeper).stop(kept)
    }

    private func finish(_ failure: Failure) {
        outcome = failure
        loop.stop()
    }

    private static func failure(_ death: Death, _ lastWords: String) -> Failure {
        Failure(lastWords.isEmpty ? "\(death)" : lastWords)
    }

    /// The id that a Jupyter client knows it by, which names the connection file `kernel-ID.json`, and one that nobody
    /// has, for when the client starts it again under its id before the last one has gone.
    private static func ids(of ports: KernelPorts) -> [String] {
        let name = Files.name(ports.file)
        let (prefix, suffix) = ("kernel-", ".json")
        let other = JupyterID.random()
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return [other] }
        let id = name.dropFirst(prefix.count).dropLast(suffix.count)
        // The keeper's name for it adds a number to it.
        guard JupyterID.isValid(id), KernelOrder.isValidName("\(id)-1") else { return [other] }
        return [String(id), other]
    }
}
