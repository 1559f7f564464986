import CoreMetrics
import Synchronization

/// A number that only grows.
final class CounterSeries: Series, CounterHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        guard amount > 0 else { return }
        value.withLock { $0 += amount }
    }

    func reset() { value.withLock { $0 = 0 } }

    func add(to text: inout Exposition, _ name: String, _ labels: LabelSet) {
        text.add(name, labels.text, value.withLock { $0 })
    }
}
