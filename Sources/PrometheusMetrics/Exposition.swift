/// Metrics as text (Prometheus, "Text-based format", version 0.0.4).
struct Exposition {
    private(set) var bytes: [UInt8] = []

    /// Begins a metric; its samples follow.
    mutating func begin(_ name: String, _ kind: MetricKind, help: String) {
        var escaped = ""
        for scalar in help.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        if !escaped.isEmpty { bytes += "# HELP \(name) \(escaped)\n".utf8 }
        bytes += "# TYPE \(name) \(kind.rawValue)\n".utf8
    }

    /// Adds a sample.
    ///
    /// - Parameter labels: what stands between the braces.
    mutating func add(_ name: String, _ labels: String = "", _ value: Double) {
        bytes += (labels.isEmpty ? "\(name) " : "\(name){\(labels)} ").utf8
        bytes += "\(Exposition.text(value))\n".utf8
    }

    /// A number as Go reads it.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole numbers up to those that lie closer to each other than a Double tells.
        return value == value.rounded() && abs(value) < 9e15 ? "\(Int64(value))" : "\(value)"
    }
}
