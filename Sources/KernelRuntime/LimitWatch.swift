import KeeperWire
import LinuxKit

/// Sees to a kernel's limits of time and output: interrupts first, and ends what does not heed that.
final class LimitWatch {
    /// What to do when a limit is reached.
    struct Actions {
        /// Interrupts what runs.
        var interrupt: () -> Void
        /// Ends the kernel.
        var end: (Death) -> Void
        /// Tells the user of a cell, in a line.
        var tell: (_ request: UInt64, _ line: String) -> Void
    }

    private let limits: KernelLimits
    private let loop: EventLoop
    private let actions: Actions
    private var cells: [UInt64: Cell] = [:]
    private var idleTimer: EventLoop.Timer?
    /// Bytes said for no running cell since the latest one began.
    private var stray: UInt64 = 0

    private struct Cell {
        var timer: EventLoop.Timer?
        var output: UInt64 = 0
        /// Which limit it has reached.
        var refusal: String?
    }

    /// - Parameter age: how long the kernel has lived already.
    init(_ limits: KernelLimits, age: Duration, loop: EventLoop, actions: Actions) {
        self.limits = limits
        self.loop = loop
        self.actions = actions
        if let lifetime = limits.lifetime { loop.after(max(.zero, lifetime - age)) { actions.end(.deadline) } }
        rest()
    }

    /// Somebody uses the kernel.
    func use() {
        if let idleTimer { loop.cancel(idleTimer) }
        idleTimer = nil
        if cells.isEmpty { rest() }
    }

    /// A cell begins.
    func begin(_ request: UInt64) {
        cells[request] = Cell()
        stray = 0
        use()
        guard let time = limits.cellTime else { return }
        cells[request]?.timer = loop.after(time) { [weak self] in
            self?.refuse(request, "deadline", .deadline, "The cell has run for \(time) (--cell-timeout): interrupted.")
        }
    }

    /// A cell has ended. Returns which limit it has reached.
    func end(_ request: UInt64) -> String? {
        guard let cell = cells.removeValue(forKey: request) else { return nil }
        if let timer = cell.timer { loop.cancel(timer) }
        use()
        return cell.refusal
    }

    /// A cell says something. Returns how many bytes of it may be heard.
    func room(for count: Int, of request: UInt64) -> Int {
        guard let limit = limits.output else { return count }
        guard let cell = cells[request] else {
            // Said behind the end of its cell, or in the name of one that does not run: all of that together.
            let room = limit > stray ? Int(clamping: limit - stray) : 0
            stray += UInt64(count)
            return min(count, room)
        }
        let room = limit > cell.output ? Int(clamping: limit - cell.output) : 0
        cells[request]?.output += UInt64(count)
        if room < count {
            refuse(
                request, "output_limit", .output,
                "The cell has said more than \(limit) bytes (--output-limit): interrupted, the rest is dropped.")
        }
        return min(count, room)
    }

    private func refuse(_ request: UInt64, _ refusal: String, _ death: Death, _ line: String) {
        guard cells[request]?.refusal == nil else { return }
        cells[request]?.refusal = refusal
        actions.tell(request, line)
        actions.interrupt()
        if let timer = cells[request]?.timer { loop.cancel(timer) }
        cells[request]?.timer = loop.after(limits.grace) { [actions] in actions.end(death) }
    }

    private func rest() {
        guard let time = limits.idleTime else { return }
        idleTimer = loop.after(time) { [actions] in actions.end(.idle) }
    }
}
