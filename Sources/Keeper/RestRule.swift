/// Decides whose share of the CPUs is lowered: a sandbox that has run for a second without a rest gets the lowest
/// until it rests. Pure.
///
/// At equal shares 50 threads of one sandbox make a neighbour's round trip 17 times longer; at the lowest they cost
/// it nothing, and the machine is still theirs when nobody wants it.
struct RestRule {
    /// The part of an interval that counts as having run all along.
    private static let busy = 0.9

    /// Whether the share is the lowest.
    private(set) var isLowered = false
    /// Whether the sandbox has run at all in the last interval.
    private(set) var isActive = false
    private var used: UInt64?

    /// Takes a reading of the CPU time used.
    ///
    /// - Parameters:
    ///   - used: nanoseconds since the sandbox began.
    ///   - elapsed: nanoseconds since the last reading.
    ///   - wantsToRun: whether a process of the sandbox runs or waits for a CPU just now; with the lowest share it
    ///     may get none for long, and has not rested for that.
    /// - Returns: whether `isLowered` has changed.
    mutating func observe(used now: UInt64, elapsed: UInt64, wantsToRun: () -> Bool) -> Bool {
        defer { used = now }
        guard let used, elapsed > 0 else { return false }
        // Without control groups it shrinks when an interpreter has ended.
        let share = now > used ? Double(now - used) / Double(elapsed) : 0
        isActive = share > 0.01
        let wasLowered = isLowered
        isLowered = share >= RestRule.busy || (isLowered && wantsToRun())
        return isLowered != wasLowered
    }
}
