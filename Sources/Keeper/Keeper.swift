import CLinux
import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// The one process that every sandbox of a state directory hangs on.
///
/// It makes sandboxes, keeps what must not die with a server or an interpreter, learns how each process ended
/// (it is the subreaper), and cleans up. It knows neither Jupyter nor any language. One thread.
final class Keeper {
    /// How long it stays without servers and kernels, so that the next kernel finds a warm host.
    private static let linger = Duration.seconds(1)

    let loop: EventLoop
    let state: StateDirectory
    private var listener: MessageListener?
    private let signals: SignalSource
    private var undertaker: ProcessHandle
    private var undertakerWatch: EventLoop.Watch?
    private var clients: [ObjectIdentifier: KeeperClient] = [:]
    var kernels: [String: KeptKernel] = [:]
    /// What waits for a sandbox of its name to go.
    var postponed: [PendingStart] = []
    let filter = CompiledFilter()
    let sandboxes: KeptSandboxes
    let hosts: WarmHosts
    let restWatch: RestWatch
    private var idleTimer: EventLoop.Timer?

    init(
        state: StateDirectory, listener: consuming OwnedDescriptor, undertaker: consuming ProcessHandle
    ) throws(SystemError) {
        self.state = state
        self.undertaker = undertaker
        loop = try EventLoop()
        loop.rests = true
        // It stays ignored in whatever is forked; a blocked signal is kept all the same.
        signals = try SignalSource([SIGHUP])
        let groups = ControlGroups(state: state, loop: loop)
        let sandboxes = try KeptSandboxes(groups: groups, filter: filter, loop: loop)
        self.sandboxes = sandboxes
        hosts = WarmHosts(groups: groups, loop: loop)
        restWatch = RestWatch(loop: loop) { sandboxes.all }
        try SystemError.check("prctl(subreaper)", clinux_set_subreaper())
        try listen(with: listener)
    }

    /// Serves until nobody needs it any more.
    func run() throws(SystemError) {
        _ = try loop.watch(signals.descriptor.number) { [unowned self] _ in listenAgain() }
        watchUndertaker()
        sandboxes.onRetired = { [unowned self] in
            let waiting = postponed
            postponed = []
            for pending in waiting { start(pending) }
            rest()
        }
        sandboxes.onEnding = { [unowned self] in
            guard !hosts.areForking else { return }
            let known = kernels.values.map(\.pid) + sandboxes.all.map(\.sandbox.pid) + hosts.pids
            Strangers.reap(except: Set(known))
        }
        restWatch.onOverMemory = { [unowned self] sandbox in
            for name in sandbox.kernels { if let kernel = kernels[name] { end(kernel, .outOfMemory) } }
        }
        rest()
        try loop.run()
    }

    // MARK: Servers

    /// Makes its socket anew when somebody has removed it: no server would find its kernels.
    private func listenAgain() {
        while signals.next() != nil {}
        guard !state.hasSocket, (try? state.removeSocket()) != nil,
            let new = try? MessageSocket.listen(at: state.socket)
        else { return }
        listener?.stop()
        try? listen(with: new)
    }

    private func listen(with listener: consuming OwnedDescriptor) throws(SystemError) {
        self.listener = try MessageListener(listener, on: loop) { [unowned self] in accept($0) }
    }

    private func accept(_ socket: consuming MessageSocket) {
        let client = KeeperClient(socket)
        clients[ObjectIdentifier(client)] = client
        client.watch = try? loop.watch(client.socket.descriptor.number) { [unowned self, unowned client] _ in
            read(client)
        }
        rest()
    }

    private func read(_ client: KeeperClient) {
        while clients[ObjectIdentifier(client)] != nil {
            do throws(SystemError) {
                guard var received = try client.socket.receive() else { return drop(client) }
                handle(received.bytes, &received.descriptors, from: client)
            } catch {
                if error.errno != EAGAIN { drop(client) }
                return
            }
        }
    }

    private func handle(_ bytes: [UInt8], _ descriptors: inout DescriptorList, from client: KeeperClient) {
        let request: KeeperRequest
        do {
            request = try KeeperRequest(decoding: bytes)
        } catch {
            reply(.refused(code: "keeper_protocol", reason: "\(error)"), to: client)
            return drop(client)
        }
        if case .hello = request {
            client.hasSaidHello = true
            return reply(.hello(pid: getpid()), to: client)
        }
        guard client.hasSaidHello else { return drop(client) }
        switch request {
        case .hello: break
        case .start(let order): start(order, &descriptors, for: client)
        case .adopt(let name): adopt(name, by: client)
        case .deposit(let name):
            withKernel(name, of: client) { kernel in
                kernel.deposit = []
                for index in 0..<descriptors.count {
                    if let descriptor = descriptors.take(index) {
                        kernel.deposit.append(OwnedDescriptorBox(descriptor))
                    }
                }
            }
        case .interrupt(let name): withKernel(name, of: client) { $0.signalGroup(SIGINT) }
        case .list:
            // A message has an end; a page of them fits.
            let facts = kernels.values.map(\.facts)
            for start in stride(from: 0, to: facts.count, by: 32) {
                reply(.kernels(Array(facts[start..<min(start + 32, facts.count)])), to: client)
            }
            reply(.done, to: client)
        case .stop(let name):
            guard let kernel = kernels[name] else {
                return reply(.refused(code: "kernel_unknown", reason: "There is no kernel \(name)."), to: client)
            }
            end(kernel, .stopped)
            reply(.done, to: client)
        case .look:
            restWatch.wake()
            reply(.done, to: client)
        case .end(let name): withKernel(name, of: client) { [unowned self] in end($0, .requested) }
        }
    }

    private func withKernel(_ name: String, of client: KeeperClient, _ body: (KeptKernel) -> Void) {
        guard let kernel = kernels[name], kernel.owner === client else {
            return reply(.refused(code: "kernel_unknown", reason: "There is no kernel \(name) of yours."), to: client)
        }
        body(kernel)
        reply(.done, to: client)
    }

    func reply(_ message: KeeperReply, descriptors: [Int32] = [], to client: KeeperClient) {
        if !client.send(message, descriptors: descriptors) { drop(client) }
    }

    private func drop(_ client: KeeperClient) {
        guard clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
        if let watch = client.watch { loop.forget(watch) }
        for pending in postponed where pending.client === client { cease(pending) }
        for kernel in kernels.values where kernel.owner === client {
            kernel.owner = nil
            if kernel.death != nil || !kernel.isDurable {
                end(kernel, .requested)
            } else {
                expectServer(for: kernel)
            }
        }
        rest()
    }

    /// Gives a durable kernel's next server its time.
    func expectServer(for kernel: KeptKernel) {
        kernel.orphanTimer = loop.after(.seconds(Int64(clamping: kernel.order.orphanSeconds))) {
            [unowned self, weak kernel] in
            if let kernel { end(kernel, .orphaned) }
        }
    }

    private func adopt(_ name: String, by client: KeeperClient) {
        guard let kernel = kernels[name] else {
            return reply(
                .refused(
                    code: "kernel_unknown", reason: "There is no kernel to attach to: it has ended, or never was."),
                to: client)
        }
        guard kernel.owner == nil, kernel.process != nil || kernel.death != nil else {
            return reply(
                .refused(code: "kernel_attached", reason: "Another husk process serves this kernel; end it first."),
                to: client)
        }
        if let timer = kernel.orphanTimer { loop.cancel(timer) }
        kernel.orphanTimer = nil
        kernel.owner = client
        reply(.running(kernel: kernel.facts), descriptors: kernel.serverNumbers, to: client)
    }

    // MARK: Rest and end

    private func watchUndertaker() {
        undertakerWatch = try? loop.watch(undertaker.descriptor.number) { [unowned self] _ in
            if let watch = undertakerWatch { loop.forget(watch) }
            _ = try? undertaker.collect()
            if let next = try? Undertaker.start(state: state) {
                undertaker = next
                watchUndertaker()
            }
        }
    }

    /// After each piece of work: end soon when there is nothing left to keep.
    func rest() {
        if let idleTimer { loop.cancel(idleTimer) }
        idleTimer = loop.after(Keeper.linger) { [unowned self] in
            idleTimer = nil
            if clients.isEmpty, kernels.isEmpty, sandboxes.isEmpty {
                hosts.end()
                state.removeAll()
                loop.stop()
            }
        }
    }
}
