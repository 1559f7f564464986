import Glibc
import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import Logging
import ServerEvents

/// Ends kernels that nobody uses, as an operator's rules say.
struct KernelCuller: Sendable {
    let rules: CullingRules
    let kernels: KernelAPI
    let logger: Logger

    /// Looks again and again, until it is cancelled.
    func run() async {
        // Clocks do not reach as far as numbers do.
        let interval = min(rules.interval, 1 << 31)
        while (try? await Task.sleep(for: .seconds(interval))) != nil {
            for kernel in await kernels.kernels.all { await look(at: kernel) }
        }
    }

    private func look(at kernel: HostedKernel) async {
        let state = await kernel.state
        let now = Int64(time(nil)) * 1_000_000
        switch rules.verdict(on: state, at: now, timeout: timeout(of: kernel.origin.spec)) {
        case .keep: return
        case .dead:
            logger.warning("Culling 'dead' kernel '\(kernel.origin.spec)' (\(kernel.id)).")
            _ = try? await kernels.delete(kernel.id)
        case .idle(let seconds):
            logger.warning(
                """
                Culling '\(state.activity)' kernel '\(kernel.origin.spec)' (\(kernel.id)) with \(state.connections) \
                connections due to \(seconds) seconds of inactivity (idle).
                """)
            guard (try? await kernels.delete(kernel.id)) != nil else { return }
            kernels.events.tell(ServerEvent(culled: kernel, seconds: seconds))
        }
    }

    /// The kernelspec's own timeout, which Jupyter Server looks for in its metadata.
    private func timeout(of spec: String) -> Int64? {
        kernels.specs.spec(spec)?.model.spec["metadata"]?["cull_idle_timeout"]?.integerValue
    }
}

extension ServerEvent {
    /// A kernel has been ended because nobody used it.
    fileprivate init(culled kernel: HostedKernel, seconds: Int64) {
        self.init(
            schema: EventSchema.kernelDeath.id,
            data: [
                "kernel_id": .string(kernel.id), "kernel_name": .string(kernel.origin.spec), "reason": "idle",
                "msg": .string("Nobody has used the kernel for \(seconds) s (--cull-idle-timeout)."),
                "idle_seconds": .integer(seconds),
            ])
    }
}
