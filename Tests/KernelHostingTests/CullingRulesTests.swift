import Testing

@testable import KernelHosting

/// Which kernels are ended because nobody uses them.
@Suite struct CullingRulesTests {
    private static let now: Int64 = 1_800_000_000_000_000

    private static func rules(connected: Bool = false, busy: Bool = false) -> CullingRules? {
        CullingRules(timeout: 60, interval: 5, includesConnected: connected, includesBusy: busy)
    }

    private static func state(
        _ activity: KernelState.Activity, idle seconds: Double, connections: Int = 0
    ) -> KernelState {
        KernelState(activity: activity, lastActivity: now - Int64(seconds * 1e6), connections: connections)
    }

    @Test func withoutATimeoutThereAreNone() {
        #expect(CullingRules(timeout: 0, interval: 5) == nil)
        #expect(CullingRules(timeout: -1, interval: 5) == nil)
        #expect(CullingRules(timeout: 1, interval: 0)?.interval == CullingRules.usualInterval)
    }

    @Test(arguments: [
        (state(.idle, idle: 59), CullingRules.Verdict.keep), (state(.idle, idle: 60), .keep),
        (state(.idle, idle: 60.5), .idle(seconds: 60)), (state(.idle, idle: 3600), .idle(seconds: 3600)),
        (state(.starting, idle: 61), .idle(seconds: 61)), (state(.idle, idle: -5), .keep),
        (state(.idle, idle: 61, connections: 1), .keep), (state(.busy, idle: 61), .keep),
        (state(.restarting, idle: 61), .keep), (state(.dead, idle: 0, connections: 3), .dead),
    ])
    func verdicts(_ state: KernelState, _ wanted: CullingRules.Verdict) throws {
        #expect(try #require(Self.rules()).verdict(on: state, at: Self.now) == wanted)
    }

    @Test func connectedAndBusy() throws {
        let (connected, busy) = (try #require(Self.rules(connected: true)), try #require(Self.rules(busy: true)))
        let both = try #require(Self.rules(connected: true, busy: true))
        let here = Self.state(.busy, idle: 61, connections: 1)
        #expect(connected.verdict(on: here, at: Self.now) == .keep)
        #expect(busy.verdict(on: here, at: Self.now) == .keep)
        #expect(both.verdict(on: here, at: Self.now) == .idle(seconds: 61))
        #expect(busy.verdict(on: Self.state(.busy, idle: 61), at: Self.now) == .idle(seconds: 61))
    }

    @Test func aKernelspecHasItsOwn() throws {
        let rules = try #require(Self.rules())
        #expect(rules.verdict(on: Self.state(.idle, idle: 61), at: Self.now, timeout: 100) == .keep)
        #expect(rules.verdict(on: Self.state(.idle, idle: 11), at: Self.now, timeout: 10) == .idle(seconds: 11))
        #expect(rules.verdict(on: Self.state(.idle, idle: 1e9), at: Self.now, timeout: 0) == .keep)
        #expect(rules.verdict(on: Self.state(.idle, idle: 1e9), at: Self.now, timeout: .max) == .keep)
    }
}
