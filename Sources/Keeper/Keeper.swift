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

    private let loop: EventLoop
    private let state: StateDirectory
    private var listener: MessageListener?
    private let signals: SignalSource
    private var undertaker: ProcessHandle
    private var undertakerWatch: EventLoop.Watch?
    private var clients: [ObjectIdentifier: KeeperClient] = [:]
    private var kernels: [String: KeptKernel] = [:]
    /// What waits for a sandbox of its name to go.
    private var postponed: [PendingStart] = []
    private let filter = CompiledFilter()
    private let sandboxes: KeptSandboxes
    private let hosts: WarmHosts
    private let restWatch: RestWatch
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

    private func reply(_ message: KeeperReply, descriptors: [Int32] = [], to client: KeeperClient) {
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
    private func expectServer(for kernel: KeptKernel) {
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

    // MARK: Kernels

    private func start(_ order: KernelOrder, _ descriptors: inout DescriptorList, for client: KeeperClient) {
        var boxes: [OwnedDescriptorBox] = []
        for index in 0..<(order.interpreter.door.isTerminal ? 1 : KernelDescriptor.allCases.count) {
            guard let descriptor = descriptors.take(index) else {
                return reply(.refused(code: "keeper_protocol", reason: "The order lacks descriptors."), to: client)
            }
            boxes.append(OwnedDescriptorBox(descriptor))
        }
        start(PendingStart(order, descriptors: boxes, for: client))
    }

    private func start(_ pending: PendingStart) {
        let order = pending.order
        if let reason = reasonToRefuse(order) {
            cease(pending)
            return reply(reason, to: pending.client)
        }
        var host: WarmHost?
        do throws(SandboxError) {
            // The host warms up while the sandbox is made.
            host = try hosts.host(for: order.interpreter.door)
            let sandbox = try sandboxes.sandbox(for: order) {
                Keeper.leaveRoomForHost(order.sandbox.limits) ? host?.takeSeat() : nil
            }
            cease(pending)
            let kernel = KeptKernel(
                order: order, sandbox: sandbox, descriptors: pending.descriptors, owner: pending.client)
            kernels[order.kernel] = kernel
            sandbox.kernels.insert(order.kernel)
            try enter(kernel, host: host)
        } catch {
            host?.standUp()
            if error.code == RefusalCode.sandboxEnding { return postpone(pending, error) }
            cease(pending)
            if let kernel = kernels[order.kernel] { forget(kernel) }
            reply(.refused(code: error.code, reason: error.description), to: pending.client)
        }
    }

    private func reasonToRefuse(_ order: KernelOrder) -> KeeperReply? {
        if kernels[order.kernel] != nil {
            return .refused(
                code: "kernel_exists",
                reason: "A kernel for this connection file runs already; --attach takes it over.")
        }
        if order.sandbox.limits.kernels > 0, kernels.count >= Int(clamping: order.sandbox.limits.kernels) {
            return .refused(
                code: "kernel_limit",
                reason: "There are \(kernels.count) kernels already, as many as --max-kernels allows.")
        }
        return nil
    }

    /// Tries again when a sandbox has gone: a name is free a moment after its last kernel has ended.
    private func postpone(_ pending: PendingStart, _ error: SandboxError) {
        postponed.append(pending)
        guard pending.timer == nil else { return }
        pending.timer = loop.after(PendingStart.patience) { [unowned self, unowned pending] in
            cease(pending)
            reply(.refused(code: error.code, reason: error.description), to: pending.client)
        }
    }

    /// It waits no longer.
    private func cease(_ pending: PendingStart) {
        if let timer = pending.timer { loop.cancel(timer) }
        pending.timer = nil
        postponed.removeAll { $0 === pending }
    }

    /// Whether limits are wide enough for a host to fork within them: it serves others too, and would be killed by one
    /// sandbox's limit of memory, or made to wait by its quota.
    private static func leaveRoomForHost(_ limits: SandboxLimits) -> Bool {
        (limits.memory == 0 || limits.memory >= 128 << 20) && (limits.milliCPUs == 0 || limits.milliCPUs >= 500)
    }

    private func enter(_ kernel: KeptKernel, host: WarmHost?) throws(SandboxError) {
        let sandbox = kernel.sandbox.sandbox
        let entry = EntrySpec(
            namespaces: sandbox.namespaces, environment: kernel.order.interpreter.environment,
            directory: kernel.order.interpreter.directory, arguments: kernel.order.interpreter.arguments,
            limits: sandbox.spec.limits,
            dataSize: kernel.sandbox.groups.limitsMemory ? 0 : sandbox.spec.limits.memory,
            clearsGroups: sandbox.identities.hasRoot, writablePaths: sandbox.writablePaths)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        let interpreter = kernel.initialNumbers(null: null)
        // Whoever is forked by a host that sits in the groups is in them already.
        let isSeated = kernel.sandbox.isHostSeated && host != nil
        let groups = isSeated ? [] : kernel.sandbox.groups.joinDescriptors
        kernel.sandbox.isHostSeated = false
        guard let host else {
            let pid = SandboxEntry.fork(into: sandbox.process.descriptor, entry)
            if pid == 0 {
                SandboxEntry.settle(
                    entry, descriptors: interpreter, groups: groups, filter: filter.program, executes: true)
                switch kernel.order.interpreter.door {
                case .exec(let path, let arguments):
                    SandboxEntry.execute(path: path, arguments: arguments, environment: entry.environment)
                case .terminal(let path, let arguments):
                    SandboxEntry.executeOnTerminal(path: path, arguments: arguments, environment: entry.environment)
                case .fork: _exit(126)
                }
            }
            guard pid > 0 else {
                throw SandboxError(making: "interpreter", SystemError("fork into the sandbox", -pid))
            }
            return started(kernel, pid: pid)
        }
        // The message is sent while the descriptors are open, or later: then it needs copies of its own.
        let copies = ([sandbox.process.descriptor.number] + interpreter + [filter.file] + groups)
            .map { clinux_duplicate($0, 0) }
        host.fork(
            WarmHost.Job(entry: entry, descriptors: copies, isSeated: isSeated) { [unowned self, weak kernel] outcome in
                for copy in copies { close(copy) }
                guard let kernel else { return }
                switch outcome {
                case .success(let pid): started(kernel, pid: pid)
                case .failure(let error):
                    let owner = kernel.owner
                    forget(kernel)
                    if let owner { reply(.refused(code: error.code, reason: error.description), to: owner) }
                }
            })
    }

    private func started(_ kernel: KeptKernel, pid: Int32) {
        kernel.pid = pid
        kernel.sandbox.interpreters[kernel.name] = pid
        restWatch.wake()
        kernel.releaseInterpreterEnds()
        do throws(SystemError) {
            let process = try ProcessHandle(pid: pid)
            let number = process.descriptor.number
            kernel.process = consume process
            kernel.watch = try loop.watch(number) { [unowned self, unowned kernel] _ in collect(kernel) }
        } catch {
            // The pid is unreaped, so this is a lack of descriptors; a kernel that cannot be watched must not run.
            kill(-pid, SIGKILL)
            let owner = kernel.owner
            forget(kernel)
            if let owner { reply(.refused(code: "keeper_resources", reason: "\(error)"), to: owner) }
            return
        }
        if let owner = kernel.owner {
            reply(.running(kernel: kernel.facts), to: owner)
        } else if !kernel.isDurable {
            end(kernel, .requested)
        } else {
            expectServer(for: kernel)
        }
    }

    /// Ends a kernel, and its sandbox when no other kernel lives there.
    private func end(_ kernel: KeptKernel, _ reason: Death) {
        if let death = kernel.death {
            if kernel.isDurable, kernel.owner == nil, death != .requested { state.note(death, of: kernel.name) }
            return forget(kernel)
        }
        if kernel.planned == nil { kernel.planned = reason }
        kernel.kill()
        if kernel.sandbox.kernels.count <= 1 { kernel.sandbox.end() }
    }

    /// The interpreter has ended: find out how, and tell.
    private func collect(_ kernel: KeptKernel) {
        guard let status = try? kernel.process?.collect() else { return }
        if let watch = kernel.watch { loop.forget(watch) }
        kernel.watch = nil
        // What it started in its process group goes with it; the number is free after this.
        kernel.process = nil
        if kernel.planned == nil, status == .signalled(SIGKILL), kernel.sandbox.exit == nil {
            // PID 1's end kills its interpreters first and is seen after them.
            loop.after(.milliseconds(30)) { [unowned self, weak kernel] in
                if let kernel { conclude(kernel, status) }
            }
        } else {
            conclude(kernel, status)
        }
    }

    private func conclude(_ kernel: KeptKernel, _ status: ExitStatus) {
        let death: Death
        if let planned = kernel.planned {
            death = planned
        } else if status == .signalled(SIGKILL), kernel.sandbox.takeMemoryKill() {
            death = .outOfMemory
        } else if status == .signalled(SIGSYS) {
            death = .forbiddenCall
        } else if let exit = kernel.sandbox.exit {
            death = .sandbox(exit)
        } else {
            death = .process(status)
        }
        kernel.death = death
        let owner = kernel.owner
        if let owner {
            reply(.ended(kernel: kernel.name, death: death), to: owner)
            // The server still reads what the interpreter left; its own end or its wish forgets the kernel.
            sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        } else if kernel.isDurable, kernel.planned == nil {
            sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        } else {
            // The keeper may end before a server comes.
            if kernel.isDurable, death != .requested { state.note(death, of: kernel.name) }
            forget(kernel)
        }
    }

    private func forget(_ kernel: KeptKernel) {
        guard kernels.removeValue(forKey: kernel.name) != nil else { return }
        if let timer = kernel.orphanTimer { loop.cancel(timer) }
        if let watch = kernel.watch { loop.forget(watch) }
        state.remove(kernel: kernel.name)
        sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        rest()
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
    private func rest() {
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
