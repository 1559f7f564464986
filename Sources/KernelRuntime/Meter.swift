import Glibc
import JupyterProtocol
import KeeperWire
import LinuxKit
import SQLiteDatabase
import UsageLedger

/// Measures what each cell of a kernel uses, and keeps the account of its sandbox.
///
/// CPU and memory are those of everything in the sandbox, where it has control groups: of a cell they are what was used
/// while it ran, by whatever ran. Bytes are what the interpreter itself reads and writes.
final class Meter {
    /// How soon the account is written after a cell.
    private static let delay = Duration.seconds(1)
    /// How often it is written while a cell runs, and while none does.
    private static let intervals = (busy: Duration.seconds(5), idle: Duration.seconds(60))

    private let reader: ResourceReader
    private let ledger: UsageLedger?
    private let kernel: String
    private let disk: String
    private let loop: EventLoop
    private var usage: SandboxUsage
    private var begun: [UInt64: ResourceReading] = [:]
    private var last = ResourceReading()
    private var lastDisk: UInt64 = 0
    private var timer: EventLoop.Timer?
    private var isPrompt = false
    /// Called once, when the account cannot be kept.
    var onProblem: ((String) -> Void)?

    /// - Parameter path: the ledger's file; nil keeps no account.
    init(_ facts: KernelFacts, ledger path: String?, loop: EventLoop) {
        reader = ResourceReader(groups: facts.groups, pid: facts.pid)
        ledger = path.map { UsageLedger(path: $0) }
        kernel = facts.kernel
        // Nothing inside can put anything else in this place: the root is read-only, and /tmp a mount of ours.
        disk = "/proc/\(facts.sandboxPID)/root/tmp"
        self.loop = loop
        // Without groups the figures are the interpreter's own, and those of two must not be taken for one.
        let id = facts.groups.isEmpty ? "\(facts.sandboxID)-\(facts.kernel)" : facts.sandboxID
        usage = SandboxUsage(sandbox: id, name: facts.sandboxName, owner: facts.owner, began: Double(facts.began))
        last = reader.read()
    }

    /// Goes on with the account that an earlier server of the kernel kept.
    func resume() {
        guard let earlier = try? ledger?.usage(of: usage.sandbox, kernel: kernel) else { return }
        usage = earlier
        // Nobody has looked in between; what is held now was held.
        let gap = max(0, Double(Glibc.time(nil)) - earlier.updated)
        usage.memoryByteSeconds += Double(last.memory) * gap
    }

    /// How long the sandbox has lived.
    var age: Duration { .seconds(max(0, Double(Glibc.time(nil)) - usage.began)) }

    /// The cells that run.
    var running: [UInt64] { Array(begun.keys) }

    /// A cell begins.
    func begin(_ request: UInt64) {
        if begun.isEmpty { reader.resetPeak() }
        begun[request] = sample()
        if !isPrompt { write(in: Meter.delay) }
    }

    /// A cell ends. Returns what was used while it ran.
    func end(_ request: UInt64) -> JSONValue? {
        guard let begin = begun.removeValue(forKey: request) else { return nil }
        let end = sample()
        usage.cells += 1
        if !isPrompt { write(in: Meter.delay) }
        func seconds(_ nanoseconds: UInt64) -> JSONValue { .number(Double(nanoseconds) / 1e9) }
        func bytes(_ count: UInt64) -> JSONValue { .integer(Int64(clamping: count)) }
        let cpu = end.cpu(since: begin)
        return [
            "cpu_user_seconds": seconds(cpu.user), "cpu_system_seconds": seconds(cpu.system),
            "memory_peak_bytes": bytes(end.memoryPeak),
            "read_bytes": bytes(end.bytesRead &- begin.bytesRead),
            "written_bytes": bytes(end.bytesWritten &- begin.bytesWritten),
            "wall_seconds": .number(begin.time.duration(to: end.time) / .seconds(1)),
        ]
    }

    /// Writes the account as it is now, for somebody who wants to read it.
    func writeNow() {
        measureDisk()
        flush()
        write(in: begun.isEmpty ? Meter.intervals.idle : Meter.intervals.busy)
    }

    /// Writes the account.
    func flush() {
        if let timer { loop.cancel(timer) }
        timer = nil
        isPrompt = false
        // An ended interpreter says nothing any more; what it said last counts.
        sample()
        do {
            try ledger?.record(usage, kernel: kernel)
        } catch {
            onProblem?("the use of the sandbox is not written down: \(error)")
            onProblem = nil
        }
    }

    /// Takes note of what has been used up to now.
    @discardableResult
    func sample() -> ResourceReading {
        let now = reader.read().notBelow(last)
        defer { last = now }
        let seconds = last.time.duration(to: now.time) / .seconds(1)
        usage.updated = Double(time(nil))
        usage.memoryByteSeconds += Double(last.memory) * seconds
        usage.diskByteSeconds += Double(lastDisk) * seconds
        usage.memoryPeak = max(usage.memoryPeak, Int64(clamping: now.memoryPeak))
        // Totals of the sandbox's whole life; they never shrink, whatever a file that is gone says.
        let cpu = now.cpu(since: ResourceReading())
        if Double(now.cpu) / 1e9 > usage.cpuUser + usage.cpuSystem {
            usage.cpuUser = max(usage.cpuUser, Double(cpu.user) / 1e9)
            usage.cpuSystem = max(usage.cpuSystem, Double(cpu.system) / 1e9)
        }
        usage.bytesRead = max(usage.bytesRead, Int64(clamping: now.bytesRead))
        usage.bytesWritten = max(usage.bytesWritten, Int64(clamping: now.bytesWritten))
        return now
    }

    private func write(in delay: Duration) {
        guard ledger != nil else { return }
        if let timer { loop.cancel(timer) }
        isPrompt = delay == Meter.delay
        timer = loop.after(delay) { [weak self] in
            guard let self else { return }
            measureDisk()
            flush()
            write(in: begun.isEmpty ? Meter.intervals.idle : Meter.intervals.busy)
        }
    }

    private func measureDisk() {
        var facts = statvfs()
        guard statvfs(disk, &facts) == 0 else { return }
        lastDisk = UInt64(facts.f_blocks &- facts.f_bfree) * UInt64(facts.f_frsize)
    }
}
