/// What a kernel may do that its server sees to; what its sandbox may use up is the keeper's to see to.
public struct KernelLimits: Hashable, Sendable {
    /// How long a cell may run; then it is interrupted.
    public var cellTime: Duration?
    /// How long the kernel may live.
    public var lifetime: Duration?
    /// How long it may wait without a request.
    public var idleTime: Duration?
    /// How many bytes a cell may print and show; then it is interrupted, and what it prints beyond is dropped.
    public var output: UInt64?
    /// How long an interrupted cell has to end before the kernel is ended.
    public var grace: Duration = .seconds(5)

    /// No limits.
    public init() {}

    /// What is in force, a phrase each.
    public var inForce: [String] {
        var phrases: [String] = []
        if let cellTime { phrases.append("\(cellTime) a cell (interrupted)") }
        if let lifetime { phrases.append("\(lifetime) of life") }
        if let idleTime { phrases.append("\(idleTime) without a request") }
        if let output { phrases.append("\(output) bytes of output a cell") }
        return phrases
    }
}
