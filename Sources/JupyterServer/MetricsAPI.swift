import KernelHosting
import Metrics
public import PrometheusMetrics

/// `/metrics`.
public struct MetricsAPI: Sendable {
    /// What is said of each metric.
    public static let descriptions: [String: MetricDescription] = [
        "husk_cell_cpu_seconds_total": MetricDescription("CPU that sandboxes have used while a cell of theirs ran."),
        "husk_cell_seconds": MetricDescription(
            "How long cells have run.", buckets: MetricDescription.durations + [300, 1800, 3600]),
        "husk_cells_total": MetricDescription("Cells that have ended."),
        "husk_http_request_seconds": MetricDescription("How long requests took, up to the head of the answer."),
        "husk_http_requests_total": MetricDescription("Requests that were answered, opened WebSockets among them."),
        "husk_kernel_deaths_total": MetricDescription("Kernels that have ended though no client wanted it."),
        "husk_kernel_ends_total": MetricDescription("Kernels that clients have ended."),
        "husk_kernel_restarts_total": MetricDescription("Restarts of kernels."),
        "husk_kernel_start_seconds": MetricDescription("How long it took to put interpreters into their sandboxes."),
        "husk_kernel_starts_total": MetricDescription(
            "Kernels that were started or taken over from an earlier server, and those that were not."),
        "husk_kernels": MetricDescription("Kernels that there are."),
        "husk_websocket_bytes_total": MetricDescription("Bytes in messages over WebSockets."),
        "husk_websocket_messages_total": MetricDescription("Messages over WebSockets."),
        "husk_websockets_open": MetricDescription("WebSockets that are open."),
        "otlp_spans_dropped_total": MetricDescription("Spans that the collector did not take in time."),
        "otlp_spans_exported_total": MetricDescription("Spans that the collector has taken."),
    ]

    /// Where metrics are kept.
    let metrics: PrometheusMetrics
    /// Whether everybody may ask.
    let isPublic: Bool

    /// Answers with these metrics.
    ///
    /// - Parameter isPublic: whether also those without the token are answered.
    public init(_ metrics: PrometheusMetrics, isPublic: Bool) {
        self.metrics = metrics
        self.isPublic = isPublic
    }

    func answer(_ kernels: HostedKernels) async -> Answer {
        var counts: [KernelState.Activity: Int] = [:]
        for kernel in await kernels.all { counts[await kernel.state.activity, default: 0] += 1 }
        for activity in KernelState.Activity.allCases {
            Gauge(label: "husk_kernels", dimensions: [("state", activity.rawValue)]).record(counts[activity] ?? 0)
        }
        return Answer(
            status: 200, headers: [("Content-Type", PrometheusMetrics.mediaType)],
            body: metrics.text(with: ProcessReading()))
    }
}
