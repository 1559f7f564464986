/// What a sandbox has used up to a moment; totals, not differences.
public struct SandboxUsage: Hashable, Sendable {
    /// Names the sandbox for ever; no other one has the same.
    public var sandbox: String
    /// The name under which kernels join it.
    public var name: String
    /// Whom it is put down to.
    public var owner: String
    /// When it began, and when this was true; seconds since 1970.
    public var began: Double
    /// The moment of these totals; seconds since 1970.
    public var updated: Double
    /// Seconds of CPU in user code.
    public var cpuUser: Double = 0
    /// Seconds of CPU in the kernel.
    public var cpuSystem: Double = 0
    /// The most bytes of memory that were held at once.
    public var memoryPeak: Int64 = 0
    /// Bytes of memory held, times the seconds for which.
    public var memoryByteSeconds: Double = 0
    /// Bytes of disk held, times the seconds for which.
    public var diskByteSeconds: Double = 0
    /// Bytes that the interpreters read.
    public var bytesRead: Int64 = 0
    /// Bytes that the interpreters wrote.
    public var bytesWritten: Int64 = 0
    /// Cells that were run to their end.
    public var cells: Int64 = 0

    /// A sandbox that has used nothing yet.
    public init(sandbox: String, name: String, owner: String, began: Double) {
        self.sandbox = sandbox
        self.name = name
        self.owner = owner
        self.began = began
        updated = began
    }

    /// Adds what another sandbox has used.
    public mutating func add(_ other: SandboxUsage) {
        cpuUser += other.cpuUser
        cpuSystem += other.cpuSystem
        memoryPeak = max(memoryPeak, other.memoryPeak)
        memoryByteSeconds += other.memoryByteSeconds
        diskByteSeconds += other.diskByteSeconds
        bytesRead += other.bytesRead
        bytesWritten += other.bytesWritten
        cells += other.cells
    }
}
