import Testing

@testable import Keeper

@Suite struct RestRuleTests {
    private static let second: UInt64 = 1_000_000_000

    /// Feeds readings a second apart; returns whether the share was the lowest after each.
    private func states(_ used: [Double], wantsToRun: Bool = false) -> [Bool] {
        var rule = RestRule()
        var total: UInt64 = 0
        return used.map { part in
            total += UInt64(part * Double(RestRuleTests.second))
            _ = rule.observe(used: total, elapsed: RestRuleTests.second) { wantsToRun }
            return rule.isLowered
        }
    }

    @Test func `the first reading says nothing`() {
        #expect(states([50]) == [false])
    }

    @Test func `a second without a rest lowers, a rest gives back`() {
        #expect(states([0, 1, 1, 0.2]) == [false, true, true, false])
    }

    @Test func `several threads count together`() {
        #expect(states([0, 1.9, 0]) == [false, true, false])
    }

    @Test func `work with pauses is no hog`() {
        #expect(states([0, 0.5, 0.8, 0.89]) == [false, false, false, false])
    }

    @Test func `who gets no CPU for having the lowest share has not rested`() {
        #expect(states([0, 1, 0.05, 0], wantsToRun: true) == [false, true, true, true])
    }

    @Test func `a change is told once`() {
        var rule = RestRule()
        let second = RestRuleTests.second
        #expect(!rule.observe(used: 0, elapsed: second) { false })
        #expect(rule.observe(used: second, elapsed: second) { true })
        #expect(!rule.observe(used: 2 * second, elapsed: second) { true })
        #expect(rule.observe(used: 2 * second, elapsed: second) { false })
    }

    @Test func `an idle sandbox is not active`() {
        var rule = RestRule()
        let second = RestRuleTests.second
        _ = rule.observe(used: 0, elapsed: second) { false }
        _ = rule.observe(used: second / 1000, elapsed: second) { false }
        #expect(!rule.isActive)
        _ = rule.observe(used: second / 2, elapsed: second) { false }
        #expect(rule.isActive)
    }
}
