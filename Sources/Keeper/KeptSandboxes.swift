import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// The sandboxes of a keeper: made for the first kernel that names them, retired after the last.
final class KeptSandboxes {
    /// Called whenever one has gone without a trace.
    var onRetired: (() -> Void)?

    private let loop: EventLoop
    private let state: StateDirectory
    private let filter: CompiledFilter
    /// The keeper's own sealed program, which is PID 1's too.
    private let program: OwnedDescriptor
    private var sandboxes: [String: KeptSandbox] = [:]
    private var subordinates = SubordinateIDs.ofCaller()

    init(state: StateDirectory, filter: CompiledFilter, loop: EventLoop) throws(SystemError) {
        self.state = state
        self.filter = filter
        self.loop = loop
        program = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open("/proc/self/exe", O_RDONLY | O_CLOEXEC)))
    }

    /// Whether there is none, dying ones included.
    var isEmpty: Bool { sandboxes.isEmpty }

    /// The sandbox that an order names, or a new one.
    func sandbox(for order: KernelOrder) throws(SandboxError) -> KeptSandbox {
        let name = order.sandboxName.isEmpty ? order.kernel : order.sandboxName
        if let existing = sandboxes[name] {
            guard !existing.isEnding, existing.exit == nil else {
                throw SandboxError(code: "sandbox_ending", "The sandbox \(name) is ending; try again in a second.")
            }
            return existing
        }
        let kept = try make(name, order)
        sandboxes[name] = kept
        kept.watch = try? loop.watch(kept.sandbox.process.descriptor.number) { [unowned self, unowned kept] _ in
            guard let status = try? kept.sandbox.process.collect() else { return }
            if let watch = kept.watch { loop.forget(watch) }
            kept.exit = status
            retire(kept)
        }
        return kept
    }

    /// A kernel has left; with the last one the sandbox ends.
    func leave(_ sandbox: KeptSandbox, kernel: String) {
        sandbox.kernels.remove(kernel)
        if sandbox.kernels.isEmpty { retire(sandbox) }
    }

    private func make(_ name: String, _ order: KernelOrder) throws(SandboxError) -> KeptSandbox {
        let groups = try CgroupTree(name: name, limits: order.sandbox.limits)
        state.record(sandbox: name, groups: groups.directories)
        do throws(SandboxError) {
            try filter.prepare()
            return KeptSandbox(name: name, sandbox: try launch(order, groups), groups: groups)
        } catch {
            groups.remove()
            state.forget(sandbox: name)
            throw error
        }
    }

    private func launch(_ order: KernelOrder, _ groups: CgroupTree) throws(SandboxError) -> Sandbox {
        do throws(SandboxError) {
            return try Sandbox(
                spec: order.sandbox, hostname: "husk",
                identities: .current(index: .random(in: 0..<0x4000), subordinates: subordinates),
                program: program, filter: filter.program
            ) { pid throws(SandboxError) in try groups.join(pid) }
        } catch  where error.code == SubordinateIDs.failure {
            // In a container newuidmap(1) may be there and not set-uid: the caller alone is enough.
            subordinates = nil
            return try launch(order, groups)
        }
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
        onRetired?()
    }
}
