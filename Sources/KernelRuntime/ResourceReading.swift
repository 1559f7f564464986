import Glibc

/// What a kernel has used up to a moment.
struct ResourceReading: Hashable {
    /// Nanoseconds of CPU.
    var cpu: UInt64 = 0
    /// How much of it was in user code and in the kernel, in any unit: on cgroup v1 the total is exact, and its parts
    /// are counted by ticks.
    var userPart: UInt64 = 0
    var systemPart: UInt64 = 0
    /// Bytes of memory: held now, and the most since the last reset.
    var memory: UInt64 = 0
    var memoryPeak: UInt64 = 0
    /// Bytes that the interpreter has read and written.
    var bytesRead: UInt64 = 0
    var bytesWritten: UInt64 = 0
    /// When it was read.
    var time: ContinuousClock.Instant = .now

    /// The same where what is gone reads as nothing: totals are no less than they were.
    func notBelow(_ earlier: ResourceReading) -> ResourceReading {
        var reading = self
        reading.cpu = max(cpu, earlier.cpu)
        reading.userPart = max(userPart, earlier.userPart)
        reading.systemPart = max(systemPart, earlier.systemPart)
        reading.bytesRead = max(bytesRead, earlier.bytesRead)
        reading.bytesWritten = max(bytesWritten, earlier.bytesWritten)
        if memoryPeak == 0 { reading.memoryPeak = earlier.memoryPeak }
        return reading
    }

    /// Nanoseconds of CPU since an earlier reading, in user code and in the kernel.
    func cpu(since earlier: ResourceReading) -> (user: UInt64, system: UInt64) {
        let total = cpu > earlier.cpu ? cpu - earlier.cpu : 0
        let (user, system) = (userPart &- earlier.userPart, systemPart &- earlier.systemPart)
        guard user > 0 || system > 0 else { return (total, 0) }
        let inUser = UInt64(Double(total) * (Double(user) / (Double(user) + Double(system))))
        return (min(inUser, total), total - min(inUser, total))
    }
}

/// Reads what a kernel uses: from its sandbox's control groups, or, without them, from what /proc says of the
/// interpreter. The files stay open; a reading costs some 10 µs.
final class ResourceReader {
    private let total: ProcFile?
    private let userTime: ProcFile?
    private let systemTime: ProcFile?
    private let unified: ProcFile?
    private let memory: ProcFile?
    private let peak: ProcFile?
    private let statistics: ProcFile?
    private let status: ProcFile?
    private var traffic: ProcFile?
    private let pid: Int32
    private static let nanosecondsPerTick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))

    /// Opens what there is of it.
    ///
    /// - Parameters:
    ///   - groups: directories of control groups.
    ///   - pid: the interpreter.
    init(groups: [String], pid: Int32) {
        func first(_ name: String, _ flags: Int32 = O_RDONLY) -> ProcFile? {
            groups.lazy.compactMap { ProcFile("\($0)/\(name)", flags) }.first
        }
        total = first("cpuacct.usage")
        userTime = first("cpuacct.usage_user")
        systemTime = first("cpuacct.usage_sys")
        unified = first("cpu.stat")
        memory = first("memory.usage_in_bytes") ?? first("memory.current")
        peak =
            first("memory.max_usage_in_bytes", O_RDWR) ?? first("memory.peak", O_RDWR) ?? first("memory.peak")
        statistics = ProcFile("/proc/\(pid)/stat")
        status = ProcFile("/proc/\(pid)/status")
        self.pid = pid
    }

    /// Lets the peak of the memory begin anew, where the kernel can.
    func resetPeak() {
        peak?.write("0\n")
    }

    /// Reads everything.
    func read() -> ResourceReading {
        var reading = ResourceReading()
        readTime(&reading)
        if let memory = memory?.number {
            reading.memory = memory
            reading.memoryPeak = max(memory, peak?.number ?? 0)
        } else if let held = status?.members(["VmRSS:", "VmHWM:"]) {
            reading.memory = held[0] << 10
            reading.memoryPeak = held[1] << 10
        }
        // An ordinary user's is closed to its server until the interpreter has become what it is.
        if traffic == nil { traffic = ProcFile("/proc/\(pid)/io") }
        if let moved = traffic?.members(["rchar:", "wchar:"]) {
            reading.bytesRead = moved[0]
            reading.bytesWritten = moved[1]
        }
        return reading
    }

    private func readTime(_ reading: inout ResourceReading) {
        if let total = total?.number {
            reading.cpu = total
            reading.userPart = userTime?.number ?? 0
            reading.systemPart = systemTime?.number ?? 0
            return
        }
        if let parts = unified?.members(["usage_usec", "user_usec", "system_usec"]), parts[0] > 0 {
            reading.cpu = parts[0] * 1000
            reading.userPart = parts[1]
            reading.systemPart = parts[2]
        } else if unified == nil, let statistics {
            let fields = statistics.read { ResourceReader.fields(of: $0) }
            guard fields.count > 14 else { return }
            reading.userPart = fields[11] + fields[13]
            reading.systemPart = fields[12] + fields[14]
            reading.cpu = (reading.userPart + reading.systemPart) * ResourceReader.nanosecondsPerTick
        }
    }

    /// The numbers behind a process's name, which may hold anything (proc_pid_stat(5)).
    private static func fields(of bytes: UnsafeBufferPointer<UInt8>) -> [UInt64] {
        guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return [] }
        return bytes[close...].split(separator: UInt8(ascii: " ")).map {
            UInt64(String(decoding: $0, as: UTF8.self)) ?? 0
        }
    }
}
