import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// The sandboxes of a keeper: made for the first kernel that names them, retired after the last.
final class KeptSandboxes {
    /// Called while one is ending, now and then: what its PID 1 waits for may be the keeper's to reap.
    var onEnding: (() -> Void)?
    /// Called whenever one has gone without a trace.
    var onRetired: (() -> Void)?

    private let loop: EventLoop
    private let groups: ControlGroups
    private let filter: CompiledFilter
    /// The keeper's own sealed program, which is PID 1's too.
    private let program: OwnedDescriptor
    private var sandboxes: [String: KeptSandbox] = [:]
    private var subordinates = SubordinateIDs.ofCaller()

    init(groups: ControlGroups, filter: CompiledFilter, loop: EventLoop) throws(SystemError) {
        self.groups = groups
        self.filter = filter
        self.loop = loop
        program = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open("/proc/self/exe", O_RDONLY | O_CLOEXEC)))
    }

    /// Whether there is none, dying ones included.
    var isEmpty: Bool { sandboxes.isEmpty }

    /// Those that live.
    var all: [KeptSandbox] { sandboxes.values.filter { $0.exit == nil } }

    /// The sandbox that an order names, or a new one, in groups that wait for it or in new ones.
    func sandbox(for order: KernelOrder, waiting: () -> CgroupTree?) throws(SandboxError) -> KeptSandbox {
        let name = order.sandboxName.isEmpty ? order.kernel : order.sandboxName
        if let existing = sandboxes[name] {
            guard !existing.isEnding, existing.exit == nil else {
                throw SandboxError(
                    code: RefusalCode.sandboxEnding,
                    "The sandbox \(name) is ending, and has not gone yet. A process in it may be stuck in a disk or a network mount."
                )
            }
            return existing
        }
        let kept = try make(name, order, waiting())
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
        sandbox.interpreters[kernel] = nil
        if sandbox.kernels.isEmpty { retire(sandbox) }
    }

    private func make(
        _ name: String, _ order: KernelOrder, _ waiting: CgroupTree?
    ) throws(SandboxError) -> KeptSandbox {
        let tree = waiting ?? groups.make()
        do throws(SandboxError) {
            try tree.apply(order.sandbox.limits)
            try filter.prepare()
            let kept = KeptSandbox(name: name, sandbox: try launch(order), groups: tree)
            kept.isHostSeated = waiting != nil
            return kept
        } catch {
            groups.discard(tree)
            throw error
        }
    }

    private func launch(_ order: KernelOrder) throws(SandboxError) -> Sandbox {
        do throws(SandboxError) {
            return try Sandbox(
                spec: order.sandbox, hostname: "husk",
                identities: .current(index: unusedRange(), subordinates: subordinates),
                program: program, filter: filter.program)
        } catch  where error.code == SubordinateIDs.failure {
            // In a container newuidmap(1) may be there and not set-uid: the caller alone is enough.
            subordinates = nil
            return try launch(order)
        }
    }

    /// A range of ids that no other sandbox of this keeper has.
    private func unusedRange() -> UInt32 {
        let used = Set(sandboxes.values.compactMap(\.sandbox.identities.rangeIndex))
        var index: UInt32
        repeat { index = .random(in: 0..<IdentityMap.rangeCount) } while used.contains(index)
        return index
    }

    private func awaitEnd(of sandbox: KeptSandbox) {
        loop.after(.milliseconds(50)) { [weak self, weak sandbox] in
            guard let self, let sandbox, sandbox.exit == nil else { return }
            onEnding?()
            awaitEnd(of: sandbox)
        }
    }

    /// Lets go of a sandbox that nobody is in, once its PID 1 has ended.
    private func retire(_ sandbox: KeptSandbox) {
        guard sandbox.exit != nil else {
            if sandbox.kernels.isEmpty {
                sandbox.end()
                awaitEnd(of: sandbox)
            }
            return
        }
        guard sandbox.kernels.isEmpty, sandboxes[sandbox.name] === sandbox, !sandbox.isRetiring else { return }
        sandbox.isRetiring = true
        groups.discard(sandbox.groups) { [unowned self] in
            sandboxes[sandbox.name] = nil
            onRetired?()
        }
    }
}
