import JupyterProtocol
import Testing

@testable import UsageLedger

/// Sums of what sandboxes have used.
@Suite struct UsageReportTests {
    private static func usage(_ sandbox: String, of owner: String, cells: Int64, cpu: Double) -> SandboxUsage {
        var usage = SandboxUsage(sandbox: sandbox, name: "kernel-\(sandbox.prefix(1))", owner: owner, began: 10)
        usage.cells = cells
        usage.cpuUser = cpu
        usage.memoryPeak = cells * 100
        return usage
    }

    private let all = [
        usage("a1", of: "ada", cells: 1, cpu: 2), usage("a2", of: "ada", cells: 3, cpu: 4),
        usage("b1", of: "grace", cells: 5, cpu: 6),
    ]

    @Test func ownersAreAddedUp() {
        let report = UsageReport(all)
        #expect(report.owners.map(\.usage.owner) == ["ada", "grace"])
        #expect(report.owners.map(\.usage.cells) == [4, 5])
        #expect(report.owners.map(\.count) == [2, 1])
        #expect(report.total.usage.cpuUser == 12)
        #expect(report.total.usage.memoryPeak == 500)
    }

    @Test func namesAreAddedUp() {
        let report = UsageReport(all)
        #expect(report.total(named: "kernel-a")?.usage.cells == 4)
        #expect(report.total(named: "kernel-c") == nil)
        #expect(UsageReport(all, name: "kernel-a").sandboxes.map(\.sandbox) == ["a1", "a2"])
        #expect(UsageReport(all, owner: "grace", name: "kernel-a").sandboxes.isEmpty)
    }

    @Test func costs() throws {
        let prices = try PriceTable(["currency": "EUR", "cpu_second": 2])
        let json = UsageReport(all, owner: "ada", prices: prices).json
        #expect(json["owners"]?.arrayValue?.first?["cost"] == .number(12))
        #expect(json["sandboxes"]?.arrayValue?.map { $0["currency"] } == ["EUR", "EUR"])
        #expect(UsageReport(all).json["owners"]?.arrayValue?.first?["cost"] == nil)
    }
}
