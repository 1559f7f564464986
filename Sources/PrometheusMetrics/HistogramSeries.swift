import CoreMetrics
import Synchronization

/// How values are spread. Durations are in seconds.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    private struct State {
        /// Values of each bucket, not of those before it.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let ends: [Double]
    private let state: Mutex<State>

    init(ends: [Double]) {
        self.ends = ends
        state = Mutex(State(counts: Array(repeating: 0, count: ends.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = ends.firstIndex { value <= $0 } ?? ends.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func add(to text: inout Exposition, _ name: String, _ labels: LabelSet) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var total: UInt64 = 0
        for (count, end) in zip(counts, ends + [.infinity]) {
            total += count
            text.add("\(name)_bucket", labels.text(with: "le", Exposition.text(end)), Double(total))
        }
        text.add("\(name)_sum", labels.text, sum)
        text.add("\(name)_count", labels.text, Double(total))
    }
}
