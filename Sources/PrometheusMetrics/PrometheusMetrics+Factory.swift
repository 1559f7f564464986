public import CoreMetrics

extension PrometheusMetrics: MetricsFactory {
    /// See the protocol that requires it.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter) { CounterSeries() }
    }

    /// See the protocol that requires it.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter) { CounterSeries() }
    }

    /// See the protocol that requires it.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() }
    }

    /// See the protocol that requires it.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return series(label, dimensions, .gauge) { GaugeSeries() } }
        return series(label, dimensions, .histogram) { HistogramSeries(ends: ends(of: label)) }
    }

    /// See the protocol that requires it.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram) { HistogramSeries(ends: ends(of: label)) }
    }

    /// See the protocol that requires it.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }

    /// See the protocol that requires it.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }

    /// See the protocol that requires it.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }

    /// See the protocol that requires it.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }

    /// See the protocol that requires it.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
