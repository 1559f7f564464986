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
            let table = try readPrices()
            guard let path = UserData.ledger else { throw Failure("there is no data folder: HOME is not set") }
            let all = Files.exists(path) ? try UsageLedger(path: path).all() : []
            let chosen = all.filter { owner == nil || $0.owner == owner }
            let owners = Dictionary(grouping: chosen, by: \.owner).sorted { $0.key < $1.key }.map { name, sandboxes in
                var total = SandboxUsage(sandbox: "", name: "", owner: name, began: 0)
                for usage in sandboxes { total.add(usage) }
                return (total: total, count: sandboxes.count)
            }
            if json {
                let report: JSONValue = [
                    "owners": .array(
                        owners.map { object($0.total, table, also: ["sandboxes": .integer(Int64($0.count))]) }),
                    "sandboxes": .array(
                        chosen.map {
                            object(
                                $0, table,
                                also: [
                                    "sandbox": .string($0.sandbox), "name": .string($0.name),
                                    "began": .number($0.began), "updated": .number($0.updated),
                                ])
                        }),
                ]
                print(TerminalText.json(report))
            } else {
                for owner in owners { print(line(owner.total, owner.count, table)) }
                if owners.isEmpty { print("Nothing has been used yet.") }
            }
            fflush(nil)
        }
    }

    private func readPrices() throws -> PriceTable? {
        guard let path = prices ?? Environment["HUSK_PRICES"] else { return nil }
        do {
            return try PriceTable(JSONValue(parsing: try WholeFile.read(path)))
        } catch let error as SystemError {
            throw Failure("price table \(path): \(SystemError.text(of: error.errno))", status: Failure.usage)
        } catch {
            throw Failure("price table \(path): \(error)", status: Failure.usage)
        }
    }

    private func line(_ usage: SandboxUsage, _ count: Int, _ prices: PriceTable?) -> String {
        let gibibyteHours = usage.memoryByteSeconds / Double(1 << 30) / 3600
        let cost = prices.map { ", \($0.cost(of: usage).rounded(to: 6)) \($0.currency)" } ?? ""
        return "\(usage.owner): \(count) sandboxes, \(usage.cells) cells, "
            + "\((usage.cpuUser + usage.cpuSystem).rounded(to: 3)) s of CPU, "
            + "\(gibibyteHours.rounded(to: 4)) GiB·h of memory, peak \(usage.memoryPeak >> 20) MiB\(cost)"
    }

    private func object(_ usage: SandboxUsage, _ prices: PriceTable?, also: [String: JSONValue]) -> JSONValue {
        var members: [String: JSONValue] = [
            "owner": .string(usage.owner), "cells": .integer(usage.cells),
            "cpu_user_seconds": .number(usage.cpuUser), "cpu_system_seconds": .number(usage.cpuSystem),
            "memory_peak_bytes": .integer(usage.memoryPeak),
            "memory_byte_seconds": .number(usage.memoryByteSeconds),
            "disk_byte_seconds": .number(usage.diskByteSeconds),
            "read_bytes": .integer(usage.bytesRead), "written_bytes": .integer(usage.bytesWritten),
        ]
        if let prices {
            members["cost"] = .number(prices.cost(of: usage))
            members["currency"] = .string(prices.currency)
        }
        return .object(members.merging(also) { $1 })
    }
}

extension Double {
    /// The number with so many digits behind the point.
    func rounded(to digits: Int) -> Double {
        let factor = pow(10, Double(digits))
        return (self * factor).rounded() / factor
    }
}
