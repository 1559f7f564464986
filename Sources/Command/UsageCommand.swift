import ArgumentParser
import Glibc
import JupyterProtocol
import LinuxKit
import UsageLedger

/// `husk usage`: what sandboxes have used, and what that costs.
struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Say what sandboxes have used, by owner, and what it costs.",
        discussion: """
            Prices are read from a JSON file: {"currency": "EUR", "cpu_second": 0.00002, "memory_gib_second": 0.000002, \
            "disk_gib_second": 0.0000001}. Memory and disk count for as long as they are held.
            """)

    @Flag(help: "Print JSON, with each sandbox.")
    var json = false

    @Option(help: "Only what is put down to this owner.")
    var owner: String?

    @Option(help: "The price table. (default: $HUSK_PRICES)")
    var prices: String?

    func run() throws {
        try Failure.report("usage") {
            let table = try PriceFile.read(prices)
            guard let path = UserData.ledger else { throw Failure("there is no data folder: HOME is not set") }
            let all = Files.exists(path) ? try UsageLedger(path: path).all() : []
            let report = UsageReport(all, owner: owner, prices: table)
            if json {
                print(TerminalText.json(report.json))
            } else {
                for owner in report.owners { print(line(owner.usage, owner.count, table)) }
                if report.owners.isEmpty { print("Nothing has been used yet.") }
            }
            fflush(nil)
        }
    }

    private func line(_ usage: SandboxUsage, _ count: Int, _ prices: PriceTable?) -> String {
        let gibibyteHours = usage.memoryByteSeconds / Double(1 << 30) / 3600
        let cost = prices.map { ", \($0.cost(of: usage).rounded(to: 6)) \($0.currency)" } ?? ""
        return "\(usage.owner): \(count) sandboxes, \(usage.cells) cells, "
            + "\((usage.cpuUser + usage.cpuSystem).rounded(to: 3)) s of CPU, "
            + "\(gibibyteHours.rounded(to: 4)) GiB·h of memory, peak \(usage.memoryPeak >> 20) MiB\(cost)"
    }
}

extension Double {
    /// The number with so many digits behind the point.
    func rounded(to digits: Int) -> Double {
        let factor = pow(10, Double(digits))
        return (self * factor).rounded() / factor
    }
}
