import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// Looks at the sandboxes now and then: lowers the shares of those that do not rest, and ends those that hold more
/// memory than they may where no control group sees to it.
///
/// While something runs it looks each second; while nothing does, ever more rarely, so that idle kernels cost nothing.
final class RestWatch {
    private static let often = Duration.seconds(1)
    private static let seldom = Duration.seconds(8)

    /// Called with a sandbox that holds too much memory.
    var onOverMemory: ((KeptSandbox) -> Void)?

    private let loop: EventLoop
    private let sandboxes: () -> [KeptSandbox]
    private var interval = RestWatch.often
    private var last = ContinuousClock.now
    private var timer: EventLoop.Timer?

    init(loop: EventLoop, sandboxes: @escaping () -> [KeptSandbox]) {
        self.loop = loop
        self.sandboxes = sandboxes
    }

    /// Begins to look often: there is a new sandbox, or a cell that takes its time.
    func wake() {
        // A look that is near stays as near as it is, however often it is asked for.
        if let timer {
            guard interval > RestWatch.often else { return }
            loop.cancel(timer)
        }
        interval = RestWatch.often
        timer = loop.after(interval) { [unowned self] in look() }
    }

    private func look() {
        timer = nil
        let living = sandboxes()
        guard !living.isEmpty else { return }
        let now = ContinuousClock.now
        let elapsed = last.duration(to: now).components
        last = now
        let nanoseconds = UInt64(clamping: elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000)
        var isSomethingActive = false
        for sandbox in living {
            if sandbox.rule.observe(
                used: sandbox.usedNanoseconds, elapsed: nanoseconds, wantsToRun: { sandbox.wantsToRun })
            {
                sandbox.setShare(isLowered: sandbox.rule.isLowered)
            }
            isSomethingActive = isSomethingActive || sandbox.rule.isActive || sandbox.rule.isLowered
            if isOverMemory(sandbox) { onOverMemory?(sandbox) }
        }
        interval = isSomethingActive ? RestWatch.often : min(interval * 2, RestWatch.seldom)
        timer = loop.after(interval) { [unowned self] in look() }
    }

    private func isOverMemory(_ sandbox: KeptSandbox) -> Bool {
        guard sandbox.limits.memory > 0, !sandbox.groups.limitsMemory else { return false }
        let roots = Array(sandbox.interpreters.values) + [sandbox.sandbox.pid]
        let held = Set(roots.flatMap(ProcessReading.family)).reduce(UInt64(0)) {
            $0 + (ProcessReading(pid: $1)?.residentBytes ?? 0)
        }
        return held > sandbox.limits.memory
    }
}
