import Glibc
import LinuxKit

/// What /proc says of a process on the machine (proc_pid_stat(5)).
public struct ProcessReading: Hashable, Sendable {
    /// Nanoseconds of CPU that it and its collected children have used; a hundredth of a second is the unit.
    public let usedNanoseconds: UInt64
    /// Bytes of memory that it holds just now.
    public let residentBytes: UInt64
    /// Whether it runs or waits for a CPU.
    public let wantsToRun: Bool

    /// Reads a process; nil when there is none.
    public init?(pid: Int32) {
        guard let text = Paths.text("/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
        // The name may hold anything; the fields behind it are numbers, the state the first of them.
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 21 else { return nil }
        let ticks = fields[11...14].compactMap { UInt64($0) }.reduce(0, +)
        usedNanoseconds = ticks * (1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
        residentBytes = (UInt64(fields[21]) ?? 0) * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
        wantsToRun = fields[0] == "R"
    }

    /// Sets how nice a process's session is to the others, where the scheduler knows sessions; else nothing happens.
    public static func setAutogroupNice(_ value: Int, of pid: Int32) {
        try? Paths.write("\(value)", to: "/proc/\(pid)/autogroup")
    }

    /// The children of a process, of all of its threads.
    public static func children(of pid: Int32) -> [Int32] {
        Directory.entries("/proc/\(pid)/task").flatMap { thread in
            (Paths.text("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }

    /// A process and all that descend from it.
    public static func family(of pid: Int32) -> [Int32] {
        var found = [pid]
        var index = 0
        while index < found.count, found.count < 65_536 {
            found += children(of: found[index])
            index += 1
        }
        return found
    }

    /// Whether a thread of a process runs or waits for a CPU.
    public static func hasRunningThread(_ pid: Int32) -> Bool {
        Directory.entries("/proc/\(pid)/task").contains { thread in
            guard let text = Paths.text("/proc/\(pid)/task/\(thread)/stat"), let close = text.lastIndex(of: ")") else {
                return false
            }
            return text[close...].dropFirst(2).first == "R"
        }
    }
}
