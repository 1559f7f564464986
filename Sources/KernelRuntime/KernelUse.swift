public import KeeperWire

/// What a kernel's sandbox has used up to now, for whoever asks.
public struct KernelUse: Hashable, Sendable {
    /// Seconds of CPU.
    public let cpuSeconds: Double
    /// Bytes of memory held.
    public let memoryBytes: UInt64

    /// Reads it.
    public init(_ facts: KernelFacts) {
        let reading = ResourceReader(groups: facts.groups, pid: facts.pid).read()
        cpuSeconds = Double(reading.cpu) / 1e9
        memoryBytes = reading.memory
    }
}
