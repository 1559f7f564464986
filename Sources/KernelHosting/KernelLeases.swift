import Glibc
import JupyterProtocol
import KeeperWire
import LeaseWire
import LinuxKit

/// Lets other processes of the user own kernels of the server. Such a kernel ends with its owner, and waits for it for
/// some time after a restart of the server.
public actor KernelLeases {
    private nonisolated let thread: EventThread
    private let kernels: HostedKernels
    private let path: String
    private var listener: MessageListener?
    /// Whether the server ends, and the kernels go on.
    private var isClosed = false
    private var owners: [ObjectIdentifier: LeaseOwner] = [:]
    /// Kernels whose owners have not come back yet.
    private var forlorn: [String: ForlornKernel] = [:]
    /// Kernels whose end somebody is to be told.
    private var owned: [String: HostedKernel] = [:]
    /// Why those have ended whose owners had not come back yet.
    private var missed: [String: KernelEnd] = [:]
    /// Kernels whose ports are not free yet.
    private var ending: Set<String> = []
    /// Who waits for ports.
    private var settlers: [LeaseOwner] = []

    /// See the protocol that requires it.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Prepares leases on the kernels of a state directory.
    public init(state: String, kernels: HostedKernels) throws {
        thread = try EventThread()
        path = LeaseConnection.path(state)
        self.kernels = kernels
    }

    deinit { thread.stop() }

    /// Lets owners come, back or for the first time.
    public func open() async throws {
        for kernel in await kernels.all {
            guard let terms = kernel.origin.terms else { continue }
            let patience = Duration.seconds(terms.order.orphanSeconds)
            let waiting = ForlornKernel(terms.owner, patience: patience, loop: thread.loop) { [weak self] in
                self?.assumeIsolated { $0.end(kernel) }
            }
            forlorn[kernel.id] = waiting
            own(kernel)
            if waiting == nil { end(kernel) }
        }
        // The lock of the register says that no other server listens there.
        unlink(path)
        listener = try MessageListener(try MessageSocket.listen(at: path), on: thread.loop) { [weak self] socket in
            let owner = LeaseOwner(socket)
            self?.assumeIsolated { $0.accept(owner) }
        }
    }

    /// Lets go of all owners: their kernels go on, and they wait for the next server.
    public func close() {
        isClosed = true
        unlink(path)
        listener?.stop()
        listener = nil
        for owner in owners.values { forget(owner) }
        for kernel in forlorn.values { kernel.leave() }
        owners = [:]
    }

    // MARK: Owners

    private func accept(_ owner: LeaseOwner) {
        let name = ObjectIdentifier(owner)
        owners[name] = owner
        owner.watch = try? thread.loop.watch(owner.socket.descriptor.number) { [weak self] _ in
            self?.assumeIsolated { $0.read(name) }
        }
    }

    private func read(_ name: ObjectIdentifier) {
        guard let owner = owners[name] else { return }
        var received: MessageSocket.Received
        do throws(SystemError) {
            guard let message = try owner.socket.receive() else { return drop(owner) }
            received = message
        } catch {
            return error.errno == EAGAIN || error.errno == EINTR ? () : drop(owner)
        }
        var listeners: [OwnedDescriptorBox] = []
        for index in 0..<received.descriptors.count {
            if let listener = received.descriptors.take(index) { listeners.append(OwnedDescriptorBox(listener)) }
        }
        guard let request = try? LeaseRequest(decoding: received.bytes) else { return drop(owner) }
        take(request, listeners, from: owner)
    }

    private func take(_ request: LeaseRequest, _ listeners: [OwnedDescriptorBox], from owner: LeaseOwner) {
        switch request {
        case .hello: owner.tell(.hello)
        case .start(let ids, let connection, let terms):
            guard !owner.hasAsked else { return drop(owner) }
            owner.hasAsked = true
            Task { await start(ids, connection, terms, listeners, for: owner) }
        case .resume(let id):
            guard !owner.hasAsked else { return drop(owner) }
            owner.hasAsked = true
            Task { await resume(id, for: owner) }
        case .interrupt:
            guard let kernel = owner.kernel else { return }
            Task { await kernel.interrupt() }
        case .end:
            if let kernel = owner.kernel { end(kernel) }
        case .connect(let id): Task { await connect(to: id, for: owner) }
        case .settle:
            settlers.append(owner)
            settle()
        }
    }

    /// The owner has gone.
    private func drop(_ owner: LeaseOwner) {
        forget(owner)
        owners[ObjectIdentifier(owner)] = nil
        settlers.removeAll { $0 === owner }
        if let kernel = owner.kernel { end(kernel) }
    }

    private func forget(_ owner: LeaseOwner) {
        if let watch = owner.watch { thread.loop.forget(watch) }
        owner.watch = nil
    }

    // MARK: Kernels

    private func start(
        _ ids: [String], _ connection: [UInt8], _ terms: LeaseTerms, _ listeners: [OwnedDescriptorBox],
        for owner: LeaseOwner
    ) async {
        do {
            let connection = try ConnectionFile(parsing: connection)
            let origin = KernelOrigin(spec: connection.kernelName, terms: terms)
            let sockets = KernelSockets.Given(connection: connection, listeners: listeners)
            for id in ids {
                do {
                    let kernel = try await kernels.start(id, from: origin, through: sockets)
                    own(kernel)
                    return await lend(kernel, to: owner)
                } catch HostingError.exists where id != ids.last {
                    continue
                }
            }
        } catch {
            owner.tell(.refused("\(error)"))
        }
    }

    private func resume(_ id: String, for owner: LeaseOwner) async {
        let kernel = await kernels.kernel(id)
        let reason = await kernels.lost[id]
        let isHeld = owners.values.contains { $0.kernel?.id == id }
        guard !isHeld, let kernel, owned[id] === kernel else {
            if let end = missed.removeValue(forKey: id) {
                return owner.tell(.ended(end.death, lastWords: end.lastWords))
            }
            return owner.tell(.refused(reason ?? "\(HostingError.ended(id))"))
        }
        forlorn.removeValue(forKey: id)?.leave()
        await lend(kernel, to: owner)
    }

    private func connect(to id: String, for owner: LeaseOwner) async {
        guard let connection = try? await kernels.kernel(id)?.connect() else {
            return owner.tell(.refused("\(HostingError.notRunning(id))"))
        }
        owner.tell(.connection(connection.encoded()))
    }

    private func lend(_ kernel: HostedKernel, to owner: LeaseOwner) async {
        owner.kernel = kernel
        owner.tell(.running(id: kernel.id, kernel: await kernel.keptName))
        let name = ObjectIdentifier(owner)
        await kernel.noteOwner { [weak self] notice in
            Task { await self?.tell(notice, name) }
        }
        // It may have gone meanwhile.
        if owners[ObjectIdentifier(owner)] == nil { end(kernel) }
    }

    private func tell(_ notice: String, _ name: ObjectIdentifier) { owners[name]?.tell(.notice(notice)) }

    /// Sees to it that the owner is told of the end. Apart from who calls it, who may have the kernel's sockets.
    private func own(_ kernel: HostedKernel) {
        owned[kernel.id] = kernel
        Task { await seeToTheEnd(of: kernel) }
    }

    private func seeToTheEnd(of kernel: HostedKernel) async {
        let connection = await kernel.connectionFile
        guard let end = await kernel.finalEnd() else { return }
        if let waiting = forlorn.removeValue(forKey: kernel.id) {
            waiting.leave()
            missed[kernel.id] = end
        }
        ending.insert(kernel.id)
        _ = await kernels.end(kernel)
        if let connection { await release(connection) }
        ending.remove(kernel.id)
        if owned[kernel.id] === kernel { owned[kernel.id] = nil }
        let owner = owners.values.first { $0.kernel === kernel }
        owner?.kernel = nil
        owner?.tell(.ended(end.death, lastWords: end.lastWords))
        settle()
    }

    /// Ends a kernel whose end is seen to; none that goes on without this server.
    private func end(_ kernel: HostedKernel) {
        guard !isClosed, owned[kernel.id] === kernel else { return }
        forlorn.removeValue(forKey: kernel.id)?.leave()
        ending.insert(kernel.id)
        Task { _ = await kernels.end(kernel) }
    }

    private func settle() {
        guard ending.isEmpty else { return }
        for owner in settlers { owner.tell(.settled) }
        settlers = []
    }

    /// Waits until the ports are free. libzmq's thread and the keeper close what they have of them without a word.
    private func release(_ connection: ConnectionFile) async {
        for _ in 0..<1000 {
            let isTaken = connection.ports.values.contains { port in
                do throws(SystemError) {
                    _ = try TCPListener.listen(address: connection.ip, port: port)
                    return false
                } catch {
                    return error.errno == EADDRINUSE
                }
            }
            guard isTaken else { return }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}
