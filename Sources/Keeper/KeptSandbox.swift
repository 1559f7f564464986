import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// A sandbox and the kernels in it.
final class KeptSandbox {
    let name: String
    /// Names it for ever.
    let id: String
    /// Seconds since 1970 when it began.
    let began = UInt64(max(0, time(nil)))
    let sandbox: Sandbox
    let groups: CgroupTree
    var kernels: Set<String> = []
    /// The interpreters' pids on the machine, by kernel.
    var interpreters: [String: Int32] = [:]
    /// Whether the next interpreter's host waits in the groups already.
    var isHostSeated = false
    /// How PID 1 ended, once it has.
    var exit: ExitStatus?
    /// Whether the keeper ended it.
    var isEnding = false
    var isRetiring = false
    var watch: EventLoop.Watch?
    var rule = RestRule()
    /// How many processes the memory limit had killed when a death was last put down to it.
    private var seenMemoryKills: UInt64 = 0

    init(name: String, sandbox: Sandbox, groups: CgroupTree) {
        self.name = name
        id = Hexadecimal.random(digits: 16)
        self.sandbox = sandbox
        self.groups = groups
    }

    var limits: SandboxLimits { sandbox.spec.limits }

    func end() {
        isEnding = true
        sandbox.end()
    }

    /// Whether the memory limit has killed something since this was last asked.
    func takeMemoryKill() -> Bool {
        let kills = groups.memoryKills
        defer { seenMemoryKills = kills }
        return kills > seenMemoryKills
    }

    /// Nanoseconds of CPU that have been used inside; without control groups as far as the interpreters know.
    var usedNanoseconds: UInt64 {
        groups.usedNanoseconds
            ?? interpreters.values.reduce(0) { $0 + (ProcessReading(pid: $1)?.usedNanoseconds ?? 0) }
    }

    /// Whether something inside runs or waits for a CPU.
    var wantsToRun: Bool {
        let processes = groups.processes.isEmpty ? Array(interpreters.values) : groups.processes
        return processes.contains { ProcessReading.hasRunningThread($0) }
    }

    /// Lowers its share of the CPUs, or gives it back.
    func setShare(isLowered: Bool) {
        if groups.hasWeight { return groups.setWeight(isLowered: isLowered) }
        // Without control groups: each session is a group of the scheduler's own (sched(7), autogroup).
        for pid in interpreters.values { ProcessReading.setAutogroupNice(isLowered ? 19 : 0, of: pid) }
    }
}
