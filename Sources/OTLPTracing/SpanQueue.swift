import Metrics
import Synchronization

/// Spans that have ended, on their way to the collector. It holds some thousands: what a collector that is away does not
/// take is dropped, and counted.
public final class SpanQueue: Sendable {
    /// How many spans wait at most.
    static let capacity = 4096
    /// How many are sent at once.
    static let batch = 512

    private struct State {
        var spans: [SpanRecord] = []
        var isFinished = false
        var sleeper: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let dropped = Counter(label: "otlp_spans_dropped_total")

    /// An empty queue.
    public init() {}

    func put(_ span: SpanRecord) {
        let count = state.withLock { state in
            if state.spans.count < SpanQueue.capacity { state.spans.append(span) } else { dropped.increment() }
            return state.spans.count
        }
        if count == SpanQueue.batch { wake() }
    }

    /// Takes the oldest spans; an empty list when there are none.
    func take() -> [SpanRecord] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(SpanQueue.batch))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    /// Counts spans that nobody has taken.
    func drop(_ count: Int) { dropped.increment(by: count) }

    /// Waits for a time, or until there is a batch, or the end. Returns whether it is the end.
    func pause(_ time: Duration) async -> Bool {
        let sleeper = Task { _ = try? await Task.sleep(for: time) }
        let isReady = state.withLock { state in
            state.sleeper = sleeper
            return state.isFinished || state.spans.count >= SpanQueue.batch
        }
        if isReady { sleeper.cancel() }
        await sleeper.value
        return state.withLock { state in
            state.sleeper = nil
            return state.isFinished
        }
    }

    var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Says that nothing more comes.
    func finish() {
        state.withLock { $0.isFinished = true }
        wake()
    }

    func wake() { state.withLock { $0.sleeper }?.cancel() }
}
