import JupyterProtocol
import KeeperWire
import Metrics

/// What becomes of kernels and cells, counted.
enum HostingMetrics {
    /// How kernels came to be.
    enum Beginning: String, CaseIterable { case started, failed, adopted, lost }

    /// How a cell ended.
    enum CellEnd: String, CaseIterable {
        case ok, error, aborted
        /// Its kernel ended with it.
        case died

        /// Reads a reply, which may come from code that nobody trusts.
        init(reply content: [UInt8]) {
            self = JSONCheck.text(at: "status", in: content).flatMap(CellEnd.init(rawValue:)) ?? .error
        }
    }

    private static let beginnings = counters("husk_kernel_starts_total", "result", Beginning.self)
    private static let cells = counters("husk_cells_total", "status", CellEnd.self)
    private static let cellTime = Timer(label: "husk_cell_seconds")
    private static let startTime = Timer(label: "husk_kernel_start_seconds")
    private static let userTime = FloatingPointCounter(
        label: "husk_cell_cpu_seconds_total", dimensions: [("mode", "user")])
    private static let systemTime = FloatingPointCounter(
        label: "husk_cell_cpu_seconds_total", dimensions: [("mode", "system")])
    static let ends = Counter(label: "husk_kernel_ends_total")
    static let restarts = Counter(label: "husk_kernel_restarts_total")

    /// Shows everything from the beginning, with nothing counted.
    static func prepare() {
        beginnings[.started]?.increment(by: 0)
        cells[.ok]?.increment(by: 0)
        for counter in [ends, restarts] { counter.increment(by: 0) }
        _ = (cellTime, startTime, userTime, systemTime)
    }

    static func began(_ how: Beginning) { beginnings[how]?.increment() }

    static func started(in time: Duration) { startTime.record(duration: time) }

    static func died(_ death: Death) {
        Counter(label: "husk_kernel_deaths_total", dimensions: [("reason", death.code)]).increment()
    }

    static func cellEnded(_ how: CellEnd, after time: Duration?) {
        cells[how]?.increment()
        if let time { cellTime.record(duration: time) }
    }

    static func cellUsed(_ facts: JSONValue) {
        guard let usage = facts["usage"] else { return }
        if case .number(let seconds)? = usage["cpu_user_seconds"] { userTime.increment(by: seconds) }
        if case .number(let seconds)? = usage["cpu_system_seconds"] { systemTime.increment(by: seconds) }
    }

    private static func counters<Key: RawRepresentable<String> & CaseIterable & Hashable>(
        _ label: String, _ dimension: String, _ keys: Key.Type
    ) -> [Key: Counter] {
        Dictionary(
            uniqueKeysWithValues: Key.allCases.map {
                ($0, Counter(label: label, dimensions: [(dimension, $0.rawValue)]))
            })
    }
}
