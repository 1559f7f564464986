public import JupyterProtocol

/// What resources cost, from an operator's configuration.
///
///     {"currency": "EUR", "cpu_second": 0.00002, "memory_gib_second": 0.000002, "disk_gib_second": 0.0000001}
public struct PriceTable: Hashable, Sendable {
    /// Names the money.
    public let currency: String
    /// A second of active CPU.
    public let cpuSecond: Double
    /// A gibibyte of memory held for a second.
    public let memoryGiBSecond: Double
    /// A gibibyte of disk held for a second.
    public let diskGiBSecond: Double

    /// Reads a table. Throws when a price is no number, is below zero, or has an unknown name.
    public init(_ value: JSONValue) throws(PriceError) {
        guard let members = value.objectValue else { throw PriceError("it is no JSON object") }
        var prices: [String: Double] = ["cpu_second": 0, "memory_gib_second": 0, "disk_gib_second": 0]
        var currency = ""
        for (name, value) in members {
            if name == "currency", let text = value.stringValue {
                currency = text
                continue
            }
            guard prices[name] != nil else {
                throw PriceError("\(name) is no price; there are \(prices.keys.sorted())")
            }
            switch value {
            case .integer(let price) where price >= 0: prices[name] = Double(price)
            case .number(let price) where price >= 0: prices[name] = price
            default: throw PriceError("\(name) must be a number of 0 or more")
            }
        }
        self.currency = currency
        cpuSecond = prices["cpu_second"] ?? 0
        memoryGiBSecond = prices["memory_gib_second"] ?? 0
        diskGiBSecond = prices["disk_gib_second"] ?? 0
    }

    /// What a sandbox's use costs.
    public func cost(of usage: SandboxUsage) -> Double {
        let gibibyte = Double(1 << 30)
        return (usage.cpuUser + usage.cpuSystem) * cpuSecond + usage.memoryByteSeconds / gibibyte * memoryGiBSecond
            + usage.diskByteSeconds / gibibyte * diskGiBSecond
    }
}

/// What is wrong with a price table.
public struct PriceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The sentence for a user.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
