import Synchronization

/// The metrics of a process, kept for whoever asks for them in Prometheus' text format.
///
/// Everything is held in memory, so that the series of a metric are bounded: labels are for what there are few of.
public final class PrometheusMetrics: Sendable {
    /// The type of what `text` returns.
    public static let mediaType = "text/plain; version=0.0.4; charset=utf-8"
    /// Counts series that there was no room for.
    static let dropped = "metrics_dropped_series_total"

    private struct Family {
        let kind: MetricKind
        var series: [LabelSet: any Series] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var dropped = 0
    }

    private let descriptions: [String: MetricDescription]
    private let maximumSeries: Int
    private let state = Mutex(State())

    /// Without any metric yet.
    ///
    /// - Parameters:
    ///   - descriptions: what is said of metrics, by their names.
    ///   - maximumSeries: how many sets of labels each metric may have. What is counted beyond them is not shown.
    public init(describing descriptions: [String: MetricDescription] = [:], maximumSeries: Int = 256) {
        self.descriptions = descriptions
        self.maximumSeries = maximumSeries
    }

    /// All metrics, in the text format.
    ///
    /// - Parameter process: what is said of the process beside them.
    public func text(with process: ProcessReading? = nil) -> [UInt8] {
        let (families, dropped) = state.withLock { ($0.families, $0.dropped) }
        var text = Exposition()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.begin(name, family.kind, help: descriptions[name]?.help ?? "")
            for (labels, series) in family.series.sorted(by: { $0.key.text < $1.key.text }) {
                series.add(to: &text, name, labels)
            }
        }
        text.begin(PrometheusMetrics.dropped, .counter, help: "Series that are not shown, as there are too many.")
        text.add(PrometheusMetrics.dropped, "", Double(dropped))
        process?.add(to: &text)
        return text.bytes
    }

    /// The series of a metric for these labels: the one that there is, or a new one; one that is not shown when the
    /// name is that of a metric of another kind, or there are too many.
    func series<S: Series>(_ label: String, _ dimensions: [(String, String)], _ kind: MetricKind, _ make: () -> S) -> S
    {
        let name = LabelSet.metricName(label)
        let labels = LabelSet(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            if let known = family.series[labels] as? S, family.kind == kind { return known }
            let made = make()
            guard family.kind == kind, family.series[labels] == nil, family.series.count < maximumSeries else {
                state.dropped += 1
                return made
            }
            family.series[labels] = made
            state.families[name] = family
            return made
        }
    }

    func ends(of label: String) -> [Double] {
        descriptions[LabelSet.metricName(label)]?.buckets ?? MetricDescription.durations
    }

    func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
                state.families[name]?.series[labels] = nil
            }
        }
    }
}
