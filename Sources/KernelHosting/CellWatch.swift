import JupyterProtocol
import KernelRuntime
import Tracing

/// Counts and traces the cells of one interpreter. On the kernel's thread.
final class CellWatch: CellObserver {
    private struct Cell {
        var span: (any Span)?
        var began: ContinuousClock.Instant?
        var end = HostingMetrics.CellEnd.died
    }

    private let kernel: String
    private var cells: [UInt64: Cell] = [:]
    /// Nil when nobody traces.
    private let tracer: (any Tracer)?

    init(kernel: String) {
        self.kernel = kernel
        let tracer = InstrumentationSystem.tracer
        self.tracer = tracer is NoOpTracer ? nil : tracer
    }

    /// See the protocol that requires it.
    func accepted(_ cell: ClientRequest) {
        cells[cell.number] = Cell(span: tracer.map { span(of: cell, $0) })
    }

    /// See the protocol that requires it.
    func began(_ number: UInt64) {
        cells[number]?.began = .now
        cells[number]?.span?.addEvent("handed to the interpreter")
    }

    /// See the protocol that requires it.
    func used(_ number: UInt64, _ facts: JSONValue) { HostingMetrics.cellUsed(facts) }

    /// See the protocol that requires it.
    func answered(_ number: UInt64, _ content: [UInt8]) {
        let end = HostingMetrics.CellEnd(reply: content)
        cells[number]?.end = end
        guard let span = cells[number]?.span, end == .error else { return }
        span.setStatus(SpanStatus(code: .error, message: JSONCheck.text(at: "ename", in: content)))
    }

    /// See the protocol that requires it.
    func ended(_ number: UInt64) {
        guard let cell = cells.removeValue(forKey: number) else { return }
        HostingMetrics.cellEnded(cell.end, after: cell.began.map { $0.duration(to: .now) })
        guard let span = cell.span else { return }
        span.attributes["husk.cell.status"] = cell.end.rawValue
        if cell.end == .died { span.setStatus(SpanStatus(code: .error, message: "the kernel ended with the cell")) }
        span.end()
    }

    /// A span within whatever has brought the cell, or where its client says in the message's metadata.
    private func span(of cell: ClientRequest, _ tracer: any Tracer) -> any Span {
        var context = ServiceContext.current ?? .topLevel
        tracer.extract(cell.metadata, into: &context, using: MetadataExtractor())
        let span = tracer.startAnySpan("cell", context: context, ofKind: .internal)
        span.attributes["husk.kernel.id"] = kernel
        span.attributes["jupyter.message.id"] = JSONCheck.text(at: "msg_id", in: cell.header) ?? ""
        return span
    }
}
