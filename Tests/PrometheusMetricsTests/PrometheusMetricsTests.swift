import Metrics
import Testing

@testable import PrometheusMetrics

@Suite struct PrometheusMetricsTests {
    private func lines(_ metrics: PrometheusMetrics) -> [String] {
        String(decoding: metrics.text(), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func countersAndTheirDescriptions() {
        let metrics = PrometheusMetrics(describing: ["requests_total": MetricDescription("All of \\ them,\nand more.")])
        let counter = Counter(label: "requests_total", dimensions: [("b", "2"), ("a", "1")], factory: metrics)
        counter.increment(by: 3)
        Counter(label: "requests_total", dimensions: [("a", "1"), ("b", "2")], factory: metrics).increment()
        #expect(
            lines(metrics).prefix(3) == [
                "# HELP requests_total All of \\\\ them,\\nand more.", "# TYPE requests_total counter",
                "requests_total{a=\"1\",b=\"2\"} 4",
            ])
    }

    @Test func labelsAreEscapedAndNamesMadeValid() {
        let metrics = PrometheusMetrics()
        Counter(
            label: "1 bad-name", dimensions: [("le", "a\"b\\c\nd"), ("__x", ""), ("ü", "e\u{301}")], factory: metrics
        )
        .increment()
        #expect(
            lines(metrics).contains(
                "_1_bad_name{label___=\"e\u{301}\",label___x=\"\",label_le=\"a\\\"b\\\\c\\nd\"} 1"
            ))
    }

    @Test func gaugesGoUpAndDown() {
        let metrics = PrometheusMetrics()
        let meter = Meter(label: "open", factory: metrics)
        meter.increment(by: 2)
        meter.decrement()
        Gauge(label: "depth", factory: metrics).record(2.5)
        #expect(lines(metrics).contains("open 1"))
        #expect(lines(metrics).contains("depth 2.5"))
        #expect(lines(metrics).contains("# TYPE depth gauge"))
    }

    @Test func histogramsAddUp() {
        let metrics = PrometheusMetrics(describing: ["time_seconds": MetricDescription("", buckets: [0.1, 1])])
        let timer = Timer(label: "time_seconds", dimensions: [("a", "b")], factory: metrics)
        for milliseconds in [50, 100, 500, 5000] { timer.recordMilliseconds(milliseconds) }
        #expect(
            lines(metrics).prefix(6) == [
                "# TYPE time_seconds histogram", "time_seconds_bucket{a=\"b\",le=\"0.1\"} 2",
                "time_seconds_bucket{a=\"b\",le=\"1\"} 3", "time_seconds_bucket{a=\"b\",le=\"+Inf\"} 4",
                "time_seconds_sum{a=\"b\"} 5.65", "time_seconds_count{a=\"b\"} 4",
            ])
    }

    @Test func seriesAreBounded() {
        let metrics = PrometheusMetrics(maximumSeries: 2)
        for name in ["a", "b", "c", "d"] {
            Counter(label: "many_total", dimensions: [("name", name)], factory: metrics).increment()
        }
        // A name has one kind.
        Gauge(label: "many_total", factory: metrics).record(1)
        let lines = lines(metrics)
        #expect(
            lines.filter { $0.hasPrefix("many_total") } == ["many_total{name=\"a\"} 1", "many_total{name=\"b\"} 1"])
        #expect(lines.contains("metrics_dropped_series_total 3"))
    }

    @Test func whatIsDestroyedIsGone() {
        let metrics = PrometheusMetrics()
        let counter = Counter(label: "gone_total", factory: metrics)
        counter.increment()
        counter.destroy()
        #expect(!lines(metrics).contains { $0.hasPrefix("gone_total") })
    }

    @Test(arguments: [
        (0.0, "0"), (-3, "-3"), (0.25, "0.25"), (1e300, "1e+300"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
        (.nan, "NaN"), (9e14, "900000000000000"),
    ])
    func numbers(_ value: Double, _ text: String) {
        #expect(Exposition.text(value) == text)
    }

    @Test func everyThreadIsCounted() async {
        let metrics = PrometheusMetrics()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        Counter(label: "n_total", dimensions: [("worker", "\(worker % 2)")], factory: metrics)
                            .increment()
                    }
                }
            }
        }
        #expect(lines(metrics).contains("n_total{worker=\"0\"} 4000"))
        #expect(lines(metrics).contains("n_total{worker=\"1\"} 4000"))
    }

    @Test func theProcess() {
        let text = String(decoding: PrometheusMetrics().text(with: ProcessReading()), as: UTF8.self)
        for name in ["cpu_seconds_total", "open_fds", "max_fds", "resident_memory_bytes", "start_time_seconds"] {
            #expect(text.contains("\nprocess_\(name) "))
        }
    }
}
