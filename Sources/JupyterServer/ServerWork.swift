import KernelHosting
import Logging
import ServerEvents
import ServiceLifecycle

/// What a server does beside answering, as long as it runs.
struct ServerWork: Service {
    let kernels: KernelAPI
    let culling: CullingRules?
    let logger: Logger

    /// See the protocol that requires it.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await tellDeaths() }
                if let culling {
                    let culler = KernelCuller(rules: culling, kernels: kernels, logger: logger)
                    group.addTask { await culler.run() }
                }
            }
        }
    }

    private func tellDeaths() async {
        for await death in kernels.kernels.deaths {
            logger.warning("The kernel \(death.id) has ended (\(death.code)): \(death.reason)")
            kernels.events.tell(ServerEvent(death))
        }
    }
}
