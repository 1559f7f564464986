import KernelHosting
import Logging
import ServerEvents
import ServiceLifecycle

/// What a server does beside answering, as long as it runs.
struct ServerWork: Service {
    let kernels: KernelAPI
    let logger: Logger

    /// See the protocol that requires it.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await death in kernels.kernels.deaths {
                logger.warning("The kernel \(death.id) has ended (\(death.code)): \(death.reason)")
                kernels.events.tell(ServerEvent(death))
            }
        }
    }
}
