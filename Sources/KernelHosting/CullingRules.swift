/// Which kernels are ended because nobody uses them (Jupyter Server, `MappingKernelManager.cull_…`). No input or output.
public struct CullingRules: Hashable, Sendable {
    /// What is to become of a kernel.
    public enum Verdict: Hashable, Sendable {
        /// It stays.
        case keep
        /// It is dead, and nobody has started it again.
        case dead
        /// Nothing has happened for this many seconds.
        case idle(seconds: Int64)
    }

    /// How often is looked when an operator does not say it, in seconds.
    public static let usualInterval: Int64 = 300

    /// For how many seconds nothing may happen.
    public var timeout: Int64
    /// How often is looked, in seconds.
    public var interval: Int64
    /// Whether kernels go that somebody is connected to.
    public var includesConnected: Bool
    /// Whether kernels go that are running something.
    public var includesBusy: Bool

    /// Rules; nil without a timeout. An interval that is none is the usual one.
    public init?(timeout: Int64, interval: Int64, includesConnected: Bool = false, includesBusy: Bool = false) {
        guard timeout > 0 else { return nil }
        self.timeout = timeout
        self.interval = interval > 0 ? interval : CullingRules.usualInterval
        self.includesConnected = includesConnected
        self.includesBusy = includesBusy
    }

    /// Says what is to become of a kernel.
    ///
    /// - Parameters:
    ///   - now: microseconds since 1970.
    ///   - timeout: its kernelspec's own, in seconds; one of 0 or less lets it stay for ever.
    public func verdict(on state: KernelState, at now: Int64, timeout: Int64? = nil) -> Verdict {
        let timeout = timeout ?? self.timeout
        switch state.activity {
        case .dead: return .dead
        case .restarting: return .keep
        case .busy: if !includesBusy { return .keep }
        case .starting, .idle: break
        }
        guard timeout > 0, includesConnected || state.connections == 0 else { return .keep }
        let idle = now - state.lastActivity
        let (limit, isBeyondAll) = timeout.multipliedReportingOverflow(by: 1_000_000)
        guard !isBeyondAll, idle > limit else { return .keep }
        return .idle(seconds: idle / 1_000_000)
    }
}
