import Foundation
import JupyterProtocol
import Testing

@testable import UsageLedger

@Suite struct UsageLedgerTests {
    private static func usage(_ sandbox: String, cpu: Double, cells: Int64 = 1) -> SandboxUsage {
        var usage = SandboxUsage(sandbox: sandbox, name: "n", owner: "ada", began: 10)
        usage.cpuUser = cpu
        usage.cells = cells
        return usage
    }

    @Test func `totals written twice count once, and never shrink`() throws {
        let ledger = UsageLedger(path: ":memory:")
        try ledger.record(Self.usage("a", cpu: 2, cells: 3), kernel: "k")
        try ledger.record(Self.usage("a", cpu: 2, cells: 3), kernel: "k")
        try ledger.record(Self.usage("a", cpu: 1, cells: 2), kernel: "k")
        let all = try ledger.all()
        #expect(all.map(\.cpuUser) == [2])
        #expect(all.map(\.cells) == [3])
    }

    @Test func `two kernels of a sandbox share its CPU and add their cells`() throws {
        let ledger = UsageLedger(path: ":memory:")
        try ledger.record(Self.usage("a", cpu: 2, cells: 3), kernel: "one")
        try ledger.record(Self.usage("a", cpu: 3, cells: 4), kernel: "two")
        let all = try ledger.all()
        #expect(all.map(\.cpuUser) == [3])
        #expect(all.map(\.cells) == [7])
        #expect(try ledger.usage(of: "a", kernel: "two")?.cells == 4)
        #expect(try ledger.usage(of: "b", kernel: "two") == nil)
    }

    @Test func `a file outlives the object`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)").path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        try UsageLedger(path: path).record(Self.usage("a", cpu: 2), kernel: "k")
        #expect(try UsageLedger(path: path).all().map(\.owner) == ["ada"])
    }

    @Test func `costs are of CPU, memory and disk`() throws {
        let prices = try PriceTable(
            JSONValue(
                parsing: Array(#"{"currency":"EUR","cpu_second":2,"memory_gib_second":0.5,"disk_gib_second":1}"#.utf8)))
        var usage = Self.usage("a", cpu: 3)
        usage.cpuSystem = 1
        usage.memoryByteSeconds = Double(4 << 30)
        usage.diskByteSeconds = Double(1 << 29)
        #expect(prices.cost(of: usage) == 8 + 2 + 0.5)
        #expect(prices.currency == "EUR")
    }

    @Test(arguments: [#"[]"#, #"{"cpu_second":-1}"#, #"{"cpu_second":"1"}"#, #"{"cpu":1}"#])
    func `a wrong table is refused`(text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(throws: PriceError.self) { try PriceTable(value) }
    }
}
