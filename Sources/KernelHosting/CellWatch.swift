import JupyterProtocol
import KernelRuntime

/// Counts the cells of one interpreter. On the kernel's thread.
final class CellWatch: CellObserver {
    private struct Cell {
        var began: ContinuousClock.Instant?
        var end = HostingMetrics.CellEnd.died
    }

    private var cells: [UInt64: Cell] = [:]

    /// See the protocol that requires it.
    func accepted(_ cell: ClientRequest) { cells[cell.number] = Cell() }

    /// See the protocol that requires it.
    func began(_ number: UInt64) { cells[number]?.began = .now }

    /// See the protocol that requires it.
    func used(_ number: UInt64, _ facts: JSONValue) { HostingMetrics.cellUsed(facts) }

    /// See the protocol that requires it.
    func answered(_ number: UInt64, _ content: [UInt8]) {
        cells[number]?.end = HostingMetrics.CellEnd(reply: content)
    }

    /// See the protocol that requires it.
    func ended(_ number: UInt64) {
        guard let cell = cells.removeValue(forKey: number) else { return }
        HostingMetrics.cellEnded(cell.end, after: cell.began.map { $0.duration(to: .now) })
    }
}
