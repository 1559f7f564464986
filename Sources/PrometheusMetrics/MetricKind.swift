/// The types of the text format.
enum MetricKind: String, Hashable, Sendable {
    case counter, gauge, histogram
}
