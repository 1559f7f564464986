import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import ServerEvents

/// What is told of kernels.
extension KernelAPI {
    /// What is done to a kernel, by the words of Jupyter Server's events.
    enum Told: String {
        case start, interrupt, restart, shutdown

        func sentence(_ id: String) -> String {
            switch self {
            case .start: "Kernel \(id) was started."
            case .interrupt: "Kernel \(id) was interrupted."
            case .restart: "Kernel \(id) was restarted."
            case .shutdown: "Kernel \(id) was shutdown."
            }
        }
    }

    /// Does something to a kernel, and tells how that went.
    func telling<T: Sendable>(
        _ action: Told, of id: String, _ name: String, _ body: () async throws -> T
    ) async throws -> T {
        var data: [String: JSONValue] = [
            "action": .string(action.rawValue), "kernel_id": .string(id), "kernel_name": .string(name),
        ]
        do {
            let result = try await body()
            data["status"] = "success"
            data["msg"] = .string(action.sentence(id))
            events.tell(ServerEvent(schema: EventSchema.kernelActions.id, data: data))
            return result
        } catch {
            data["status"] = "error"
            data["msg"] = .string("\(error)")
            if let refusal = error as? APIError { data["status_code"] = .integer(Int64(refusal.status)) }
            events.tell(ServerEvent(schema: EventSchema.kernelActions.id, data: data))
            throw error
        }
    }
}

extension ServerEvent {
    /// A kernel has ended that nobody wanted to end.
    init(_ death: KernelDeath) {
        self.init(
            schema: EventSchema.kernelDeath.id,
            data: [
                "kernel_id": .string(death.id), "kernel_name": .string(death.name), "reason": .string(death.code),
                "msg": .string(death.reason),
            ])
    }
}
