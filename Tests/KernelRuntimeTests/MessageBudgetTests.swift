import Testing

@testable import KernelRuntime

@Suite("The budget of small messages")
struct MessageBudgetTests {
    @Test("A burst at once, then one a millisecond, and never more than a burst saved up")
    func budget() {
        var now = ContinuousClock.now
        var budget = MessageBudget(now: now)
        func taken(_ wanted: Int) -> Int { (0..<wanted).count { _ in budget.take(now: now) } }
        #expect(taken(500) == 100)
        now += .microseconds(900)
        #expect(taken(1) == 0)
        now += .microseconds(200)
        #expect(taken(5) == 1)
        now += .milliseconds(30)
        #expect(taken(500) == 30)
        now += .seconds(3600)
        #expect(taken(500) == 100)
    }
}
