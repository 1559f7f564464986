import CLinux
import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// How kernels start.
extension Keeper {
    func start(_ order: KernelOrder, _ descriptors: inout DescriptorList, for client: KeeperClient) {
        var boxes: [OwnedDescriptorBox] = []
        for index in 0..<(order.interpreter.door.isTerminal ? 1 : KernelDescriptor.allCases.count) {
            guard let descriptor = descriptors.take(index) else {
                return reply(.refused(code: "keeper_protocol", reason: "The order lacks descriptors."), to: client)
            }
            boxes.append(OwnedDescriptorBox(descriptor))
        }
        start(PendingStart(order, descriptors: boxes, for: client))
    }

    func start(_ pending: PendingStart) {
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
    func cease(_ pending: PendingStart) {
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

    func started(_ kernel: KeptKernel, pid: Int32) {
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
}
