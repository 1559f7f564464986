/// How many small messages may go out just now: a burst at once, and then one a millisecond (a token bucket).
///
/// A client in Python takes some 15,000 messages a second, and a cell that flushes each line makes ten times as many.
struct MessageBudget {
    private static let burst = 100
    private static let interval = Duration.milliseconds(1)

    private var tokens = MessageBudget.burst
    private var refilled: ContinuousClock.Instant

    /// A full budget.
    init(now: ContinuousClock.Instant) {
        refilled = now
    }

    /// Takes one message's share, if there is one.
    mutating func take(now: ContinuousClock.Instant) -> Bool {
        let earned = Int((now - refilled) / MessageBudget.interval)
        if earned > 0 {
            tokens = min(MessageBudget.burst, tokens + min(earned, MessageBudget.burst))
            refilled = now
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
