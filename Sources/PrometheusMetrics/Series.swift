/// The values of a metric for one set of labels.
protocol Series: AnyObject, Sendable {
    /// Writes them down.
    func add(to text: inout Exposition, _ name: String, _ labels: LabelSet)
}
