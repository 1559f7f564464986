/// What is said of a metric beside its values.
public struct MetricDescription: Hashable, Sendable {
    /// Upper ends for durations in seconds, from half a millisecond to a minute.
    public static let durations: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// What it counts, a sentence.
    public var help: String
    /// Upper ends of a histogram's buckets, ascending; the one without end is added.
    public var buckets: [Double]

    /// Describes a metric.
    public init(_ help: String, buckets: [Double] = MetricDescription.durations) {
        self.help = help
        self.buckets = buckets
    }
}
