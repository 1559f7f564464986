import InterpreterChannel
import JupyterProtocol
import LinuxKit

/// What each cell uses and may use: the meter and the limits, told of the same beginnings and ends.
final class CellAccounts {
    /// After how long a cell is one of those that the keeper looks at often.
    private static let long = Duration.milliseconds(500)

    private let meter: Meter
    private var limits: LimitWatch?
    private var loop: EventLoop?
    private var timer: EventLoop.Timer?
    /// Called when a cell takes its time.
    var onLongCell: (() -> Void)?

    init(_ meter: Meter) {
        self.meter = meter
    }

    /// Called once, when the account cannot be kept.
    var onProblem: ((String) -> Void)? {
        get { meter.onProblem }
        set { meter.onProblem = newValue }
    }

    /// Begins to see to limits.
    func watch(_ limits: KernelLimits, loop: EventLoop, actions: LimitWatch.Actions) {
        self.loop = loop
        self.limits = LimitWatch(limits, age: meter.age, loop: loop, actions: actions)
        for request in meter.running { self.limits?.begin(request) }
    }

    /// Goes on with what an earlier server has counted, and with the cells that run.
    func resume(running: [UInt64]) {
        meter.resume()
        for request in running { meter.begin(request) }
    }

    /// Somebody uses the kernel.
    func use() {
        limits?.use()
    }

    /// A cell begins.
    func begin(_ request: UInt64) {
        meter.begin(request)
        limits?.begin(request)
        guard timer == nil else { return }
        timer = loop?.after(CellAccounts.long) { [weak self] in
            self?.timer = nil
            self?.onLongCell?()
        }
    }

    /// A cell ends. Returns what its client is told beside the reply; nil when it has not begun.
    func end(_ request: UInt64) -> JSONValue? {
        guard let used = meter.end(request) else { return nil }
        if meter.running.isEmpty, let timer {
            loop?.cancel(timer)
            self.timer = nil
        }
        var facts: JSONValue = ["usage": used]
        if let refusal = limits?.end(request) { facts["refusal"] = .string(refusal) }
        return facts
    }

    /// Whether so many bytes more may be shown in the name of a cell.
    func allows(_ count: Int, of request: UInt64) -> Bool {
        limits.map { $0.room(for: count, of: request) == count } ?? true
    }

    /// The text of a frame as far as its cell may say it; its number stays.
    func allowed(_ frame: ChannelFrame) -> ChannelFrame {
        guard let limits else { return frame }
        let room = limits.room(for: frame.payload.count, of: frame.request)
        guard room < frame.payload.count else { return frame }
        var cut = frame
        cut.payload = Array(frame.payload.prefix(room))
        // Not within a character: a byte 10xxxxxx goes on with what stands before it (RFC 3629).
        while cut.payload.count > 0, cut.payload.count < frame.payload.count,
            frame.payload[cut.payload.count] & 0xc0 == 0x80
        {
            cut.payload.removeLast()
        }
        return cut
    }

    /// Takes note of what has been used up to now.
    func sample() {
        meter.sample()
    }

    /// Writes what has been used up to now.
    func writeNow() {
        meter.writeNow()
    }

    /// Writes what has not been written.
    func flush() {
        meter.flush()
    }
}
