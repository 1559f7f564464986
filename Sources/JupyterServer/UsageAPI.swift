import Glibc
import JupyterProtocol
import JupyterServerAPI
import KernelHosting
import UsageLedger

/// `/api/usage`: what kernels, owners and all together have used, and what that costs; the numbers of `husk usage`.
struct UsageAPI: Sendable {
    let kernels: KernelAPI
    /// The ledger's file; nil when none is kept.
    let ledger: String?
    let prices: PriceTable?

    func read(_ request: APIRequest) async throws -> Answer {
        guard let ledger else {
            throw APIError(
                501, "No account is kept: there is no folder for it, as HOME is not set.", reason: "no_ledger")
        }
        let (kernel, owner) = (request.query["kernel"], request.query["owner"])
        let living = await kernels.kernels.all.filter { $0.id == kernel ?? $0.id }
        // What they have used up to now, and not up to the last minute.
        for kernel in living { await kernel.writeUsage() }
        let prices = prices
        let report = try await UsageAPI.refusing {
            let all = access(ledger, F_OK) == 0 ? try UsageLedger(path: ledger).all() : []
            return UsageReport(all, owner: owner, name: kernel, prices: prices)
        }
        if let kernel, living.isEmpty, report.sandboxes.isEmpty { throw APIError.noKernel(kernel) }
        var answer = report.json
        answer["kernels"] = .array(
            living.compactMap { kernel in
                report.total(named: kernel.id).map { total in
                    var json = report.json(total)
                    json["kernel_id"] = .string(kernel.id)
                    json["kernel_name"] = .string(kernel.origin.spec)
                    return json
                }
            })
        answer["total"] = report.json(report.total)
        return .json(answer)
    }

    private static func refusing<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        do { return try await BlockingCalls.run(body) } catch {
            throw APIError(500, "The account cannot be read: \(error)", reason: "ledger")
        }
    }
}
