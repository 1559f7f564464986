public import KeeperWire
public import KernelRuntime
public import LinuxKit

/// What a process brings for the kernel that it owns, so that the server of its state directory can run it.
public struct LeaseTerms: Hashable, Sendable {
    /// The sandbox and the interpreter; the server names the kernel. A server that has come back waits for the owner as
    /// long as the kernel waits for a server.
    public var order: KernelOrder
    /// Where the kernel's inputs are remembered.
    public var history: KernelServer.History
    /// What the server sees to.
    public var limits: KernelLimits
    /// The process that owns the kernel.
    public var owner: ProcessIdentity

    /// Puts terms together.
    public init(
        order: KernelOrder, history: KernelServer.History, limits: KernelLimits, owner: ProcessIdentity
    ) {
        self.owner = owner
        self.order = order
        self.history = history
        self.limits = limits
    }

    /// The bytes of the terms.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Reads terms.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }

    func encode(into writer: inout WireWriter) {
        writer.append(KeeperVersion.current)
        order.encode(into: &writer)
        switch history {
        case .own: writer.append("")
        case .file(let path): writer.append(path)
        }
        for duration in [limits.cellTime, limits.lifetime, limits.idleTime, limits.grace] {
            writer.append(duration.map(LeaseTerms.milliseconds) ?? -1)
        }
        writer.append(limits.output ?? .max)
        writer.append(owner.pid)
        writer.append(owner.began)
    }

    init(from reader: inout WireReader) throws(WireError) {
        let version = try reader.integer(UInt32.self)
        guard version == KeeperVersion.current else { throw .version(theirs: version) }
        order = try KernelOrder(from: &reader)
        let path = try reader.string()
        history = path.isEmpty ? .own : .file(path)
        limits = KernelLimits()
        limits.cellTime = try LeaseTerms.duration(from: &reader)
        limits.lifetime = try LeaseTerms.duration(from: &reader)
        limits.idleTime = try LeaseTerms.duration(from: &reader)
        limits.grace = try LeaseTerms.duration(from: &reader) ?? limits.grace
        let output = try reader.integer(UInt64.self)
        limits.output = output == .max ? nil : output
        owner = ProcessIdentity(pid: try reader.integer(), began: try reader.integer())
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }

    private static func duration(from reader: inout WireReader) throws(WireError) -> Duration? {
        let milliseconds = try reader.integer(Int64.self)
        return milliseconds < 0 ? nil : .milliseconds(milliseconds)
    }
}
