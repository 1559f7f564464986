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
    private let listener: OwnedDescriptor
    private let program: OwnedDescriptor
    private var undertaker: ProcessHandle
    private var undertakerWatch: EventLoop.Watch?
    private var clients: [ObjectIdentifier: KeeperClient] = [:]
    private var kernels: [String: KeptKernel] = [:]
    private var sandboxes: [String: KeptSandbox] = [:]
    private var hosts: [InterpreterSpec.HostProfile: WarmHost] = [:]
    private var filter: OwnedDescriptorBox?
    private var filterProgram: [UInt8] = []
    private var idleTimer: EventLoop.Timer?

    init(state: StateDirectory, listener: consuming OwnedDescriptor) throws(SystemError) {
        self.state = state
        self.listener = listener
        program = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open("/proc/self/exe", O_RDONLY | O_CLOEXEC)))
        undertaker = try Undertaker.start(state: state)
        loop = try EventLoop()
        loop.rests = true
        try SystemError.check("prctl(subreaper)", clinux_set_subreaper())
    }

    /// Serves until nobody needs it any more.
    func run() throws(SystemError) {
        _ = try loop.watch(listener.number) { [unowned self] _ in acceptClients() }
        watchUndertaker()
        rest()
        try loop.run()
    }

    // MARK: Servers

    private func acceptClients() {
        while let socket = try? MessageSocket.accept(from: listener) {
            // The folder is mode 0700; this is the second lock on the same door.
            guard let uid = try? socket.peerUserID(), uid == geteuid() || uid == 0,
                (try? socket.descriptor.setNonBlocking(true)) != nil
            else { continue }
            let client = KeeperClient(socket)
            clients[ObjectIdentifier(client)] = client
            client.watch = try? loop.watch(client.socket.descriptor.number) { [unowned self, unowned client] _ in
                read(client)
            }
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
                for index in 0..<descriptors.count {
                    if let descriptor = descriptors.take(index) {
                        kernel.deposit.append(OwnedDescriptorBox(descriptor))
                    }
                }
            }
        case .interrupt(let name): withKernel(name, of: client) { $0.signalGroup(SIGINT) }
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
        guard kernels[order.kernel] == nil else {
            return reply(
                .refused(
                    code: "kernel_exists",
                    reason: "A kernel for this connection file runs already; --attach takes it over."), to: client)
        }
        var boxes: [OwnedDescriptorBox] = []
        for kind in KernelDescriptor.allCases {
            guard let descriptor = descriptors.take(kind.rawValue) else {
                return reply(.refused(code: "keeper_protocol", reason: "The order lacks descriptors."), to: client)
            }
            boxes.append(OwnedDescriptorBox(descriptor))
        }
        do throws(SandboxError) {
            // The host warms up while the sandbox is made.
            let host = try host(for: order.interpreter.door)
            let sandbox = try sandbox(for: order)
            let kernel = KeptKernel(order: order, sandbox: sandbox, descriptors: boxes, owner: client)
            kernels[order.kernel] = kernel
            sandbox.kernels.insert(order.kernel)
            try enter(kernel, host: host)
        } catch {
            if let kernel = kernels[order.kernel] { forget(kernel) }
            reply(.refused(code: error.code, reason: error.description), to: client)
        }
    }

    private func enter(_ kernel: KeptKernel, host: WarmHost?) throws(SandboxError) {
        let sandbox = kernel.sandbox.sandbox
        let entry = EntrySpec(
            namespaces: sandbox.namespaces, environment: kernel.order.interpreter.environment,
            directory: kernel.order.interpreter.directory, processes: sandbox.spec.limits.processes,
            clearsGroups: sandbox.identities.hasRoot)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        let interpreter = [null] + kernel.interpreterNumbers
        let groups = kernel.sandbox.groups.joinDescriptors
        guard let host, let filter else {
            guard case .exec(let path, let arguments) = kernel.order.interpreter.door else { return }
            let pid = SandboxEntry.fork(into: sandbox.process.descriptor, entry)
            if pid == 0 {
                SandboxEntry.settle(
                    entry, descriptors: interpreter, groups: groups, filter: filterProgram, keepsSignals: false)
                SandboxEntry.execute(path: path, arguments: arguments, environment: entry.environment)
            }
            guard pid > 0 else {
                throw SandboxError(making: "interpreter", SystemError("fork into the sandbox", -pid))
            }
            return started(kernel, pid: pid)
        }
        // The message is sent while the descriptors are open, or later: then it needs copies of its own.
        let copies = ([sandbox.process.descriptor.number] + interpreter + [filter.descriptor.number] + groups)
            .map { clinux_duplicate($0, 0) }
        host.fork(
            WarmHost.Job(entry: entry, descriptors: copies) { [unowned self, weak kernel] outcome in
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
        kernel.releaseWriteEnds()
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
        if kernel.death != nil { return forget(kernel) }
        if kernel.planned == nil { kernel.planned = reason }
        kernel.signalGroup(SIGKILL)
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
        } else if status == .signalled(SIGKILL), kernel.sandbox.groups.hasKilledForMemory {
            death = .outOfMemory
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
            leaveSandbox(kernel)
        } else if kernel.isDurable, kernel.planned == nil {
            leaveSandbox(kernel)
        } else {
            forget(kernel)
        }
    }

    private func leaveSandbox(_ kernel: KeptKernel) {
        kernel.sandbox.kernels.remove(kernel.name)
        if kernel.sandbox.kernels.isEmpty { retire(kernel.sandbox) }
    }

    private func forget(_ kernel: KeptKernel) {
        guard kernels.removeValue(forKey: kernel.name) != nil else { return }
        if let timer = kernel.orphanTimer { loop.cancel(timer) }
        if let watch = kernel.watch { loop.forget(watch) }
        state.remove(kernel: kernel.name)
        leaveSandbox(kernel)
        rest()
    }

    // MARK: Sandboxes and hosts

    private func sandbox(for order: KernelOrder) throws(SandboxError) -> KeptSandbox {
        let name = order.sandboxName.isEmpty ? order.kernel : order.sandboxName
        if let existing = sandboxes[name] {
            guard !existing.isEnding, existing.exit == nil else {
                throw SandboxError(code: "sandbox_ending", "The sandbox \(name) is ending; try again in a second.")
            }
            return existing
        }
        let groups = try CgroupTree(name: name, limits: order.sandbox.limits)
        state.record(sandbox: name, groups: groups.directories)
        let sandbox: Sandbox
        do throws(SandboxError) {
            try prepareFilter()
            sandbox = try Sandbox(
                spec: order.sandbox, hostname: "husk", identities: .current(index: .random(in: 0..<0x4000)),
                program: program, filter: filterProgram
            ) { pid throws(SandboxError) in try groups.join(pid) }
        } catch {
            groups.remove()
            state.forget(sandbox: name)
            throw error
        }
        let kept = KeptSandbox(name: name, sandbox: sandbox, groups: groups)
        sandboxes[name] = kept
        kept.watch = try? loop.watch(sandbox.process.descriptor.number) { [unowned self, unowned kept] _ in
            guard let status = try? kept.sandbox.process.collect() else { return }
            if let watch = kept.watch { loop.forget(watch) }
            kept.exit = status
            retire(kept)
        }
        return kept
    }

    /// Lets go of a sandbox that nobody is in, once its PID 1 has ended.
    private func retire(_ sandbox: KeptSandbox) {
        guard sandbox.exit != nil else {
            if sandbox.kernels.isEmpty { sandbox.end() }
            return
        }
        guard sandbox.kernels.isEmpty, sandboxes[sandbox.name] === sandbox else { return }
        guard sandbox.groups.remove() else {
            // A process that has ended is in its group until it is reaped.
            loop.after(.milliseconds(10)) { [unowned self] in retire(sandbox) }
            return
        }
        sandboxes[sandbox.name] = nil
        state.forget(sandbox: sandbox.name)
        rest()
    }

    private func prepareFilter() throws(SandboxError) {
        if filter != nil { return }
        filterProgram = try SeccompPolicy().program
        do throws(SystemError) {
            let file = OwnedDescriptor(
                adopting: try SystemError.check("memfd_create", clinux_memory_file("husk-filter", false)))
            guard write(file.number, filterProgram, filterProgram.count) == filterProgram.count else {
                throw SystemError("write", errno)
            }
            try SystemError.check("fcntl(F_ADD_SEALS)", clinux_seal(file.number, true))
            filter = OwnedDescriptorBox(file)
        } catch {
            throw SandboxError(making: "system call filter", error)
        }
    }

    private func host(for door: InterpreterSpec.Door) throws(SandboxError) -> WarmHost? {
        guard case .fork(let profile) = door else { return nil }
        if let host = hosts[profile] { return host }
        let host: WarmHost
        do throws(SystemError) {
            host = try WarmHost(profile: profile)
            host.watch = try loop.watch(host.socket.descriptor.number) { [unowned self, unowned host] _ in
                read(host, profile)
            }
            host.processWatch = try loop.watch(host.process.descriptor.number) { [unowned self, unowned host] _ in
                lose(host, profile, "The interpreter's host ended while it was starting.")
            }
        } catch {
            throw SandboxError(making: "interpreter host", error)
        }
        hosts[profile] = host
        return host
    }

    private func read(_ host: WarmHost, _ profile: InterpreterSpec.HostProfile) {
        do throws(SystemError) {
            while hosts[profile] === host {
                guard let received = try host.socket.receive() else {
                    return lose(host, profile, "The interpreter's host ended.")
                }
                guard let message = try? HostMessage(decoding: received.bytes), host.take(message) else {
                    return lose(host, profile, "The interpreter's host broke its protocol.")
                }
            }
        } catch {
            if error.errno != EAGAIN { lose(host, profile, "\(error)") }
        }
    }

    private func lose(_ host: WarmHost, _ profile: InterpreterSpec.HostProfile, _ reason: String) {
        guard hosts[profile] === host else { return }
        hosts[profile] = nil
        for watch in [host.watch, host.processWatch].compactMap({ $0 }) { loop.forget(watch) }
        try? host.process.send(signal: SIGKILL)
        host.failAll(SandboxError(code: "interpreter_unusable", reason))
        reap(host)
    }

    private func reap(_ host: WarmHost) {
        if (try? host.process.collect()) == nil {
            loop.after(.milliseconds(5)) { [unowned self] in reap(host) }
        }
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
                state.removeAll()
                loop.stop()
            }
        }
    }
}
