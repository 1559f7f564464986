public import JupyterProtocol

/// What sandboxes have used, added up. No input or output.
public struct UsageReport: Hashable, Sendable {
    /// What a number of sandboxes have used together.
    public struct Total: Hashable, Sendable {
        /// The sum; its owner is that of all of them, or empty.
        public let usage: SandboxUsage
        /// How many they are.
        public let count: Int

        init(_ sandboxes: [SandboxUsage], owner: String = "") {
            var usage = SandboxUsage(sandbox: "", name: "", owner: owner, began: 0)
            for sandbox in sandboxes { usage.add(sandbox) }
            self.usage = usage
            count = sandboxes.count
        }
    }

    /// The sandboxes, the latest first.
    public let sandboxes: [SandboxUsage]
    /// What things cost; nil when nobody has said it.
    public let prices: PriceTable?

    /// A report about sandboxes.
    ///
    /// - Parameters:
    ///   - owner: the only owner that counts; nil for all.
    ///   - name: the only name of sandboxes that counts; nil for all.
    public init(
        _ sandboxes: [SandboxUsage], owner: String? = nil, name: String? = nil, prices: PriceTable? = nil
    ) {
        self.sandboxes = sandboxes.filter { (owner ?? $0.owner) == $0.owner && (name ?? $0.name) == $0.name }
        self.prices = prices
    }

    /// What each owner's sandboxes have used, in the order of their names.
    public var owners: [Total] {
        Dictionary(grouping: sandboxes, by: \.owner).sorted { $0.key < $1.key }.map { Total($0.value, owner: $0.key) }
    }

    /// What all of them have used.
    public var total: Total { Total(sandboxes) }

    /// What the sandboxes of a name have used; nil when there is none.
    public func total(named name: String) -> Total? {
        let sandboxes = sandboxes.filter { $0.name == name }
        return sandboxes.isEmpty ? nil : Total(sandboxes, owner: sandboxes[0].owner)
    }

    /// The numbers, with what they cost.
    public func members(_ usage: SandboxUsage) -> [String: JSONValue] {
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
        return members
    }

    /// The JSON of a sum.
    public func json(_ total: Total) -> JSONValue {
        var members = members(total.usage)
        members["sandboxes"] = .integer(Int64(total.count))
        return .object(members)
    }

    /// The JSON: what owners have used, and each sandbox.
    public var json: JSONValue {
        [
            "owners": .array(owners.map(json)),
            "sandboxes": .array(
                sandboxes.map { usage in
                    var members = members(usage)
                    members["sandbox"] = .string(usage.sandbox)
                    members["name"] = .string(usage.name)
                    members["began"] = .number(usage.began)
                    members["updated"] = .number(usage.updated)
                    return .object(members)
                }),
        ]
    }
}
