import Glibc
public import KeeperWire
import LinuxKit

/// The control groups of one sandbox, on cgroup v1 or v2, or none (cgroups(7)).
///
/// They are made empty, so that an interpreter's host can wait in them, and what it forks is in them from its first
/// instruction: a process that joins by itself waits 5 ms and more for the kernel. Groups outlive the keeper, so their
/// paths stand in the sandbox's record until they are gone.
public final class CgroupTree {
    /// Names the groups on the machine.
    public let name: String
    /// Directories of the groups made, for the record, the meter and the clean-up.
    public private(set) var directories: [String] = []
    /// Which limits bind, one phrase each.
    public private(set) var limitsInForce: [String] = []
    private let wanted: Int
    private var joinFiles: [OwnedDescriptorBox] = []
    private var cpu: Group?
    private var memory: Group?
    private var usageFile: OwnedDescriptorBox?
    private var weight: UInt64 = 100

    private struct Group {
        let directory: String
        let isUnified: Bool

        var kind: String { isUnified ? "cgroup v2" : "cgroup v1" }
    }

    /// Makes groups wherever that is possible; an empty tree where it is not.
    public init(name: String, in hierarchies: [CgroupHierarchy]) {
        self.name = name
        wanted = hierarchies.count
        for hierarchy in hierarchies {
            let directory = "\(hierarchy.directory)/husk-\(name)"
            guard mkdir(directory, 0o755) == 0 else { continue }
            directories.append(directory)
            let file = open("\(directory)/cgroup.procs", O_RDWR | O_CLOEXEC)
            guard file >= 0 else { continue }
            joinFiles.append(OwnedDescriptorBox(OwnedDescriptor(adopting: file)))
            let group = Group(directory: directory, isUnified: hierarchy.isUnified)
            if hierarchy.controllers.contains("cpu"), cpu == nil { cpu = group }
            if hierarchy.controllers.contains("memory"), memory == nil { memory = group }
            if usageFile == nil {
                let usage = open(
                    "\(directory)/\(hierarchy.isUnified ? "cpu.stat" : "cpuacct.usage")", O_RDONLY | O_CLOEXEC)
                if usage >= 0 { usageFile = OwnedDescriptorBox(OwnedDescriptor(adopting: usage)) }
            }
        }
    }

    /// Descriptors of the `cgroup.procs` files; writing 0 to each joins.
    public var joinDescriptors: [Int32] { joinFiles.map { $0.descriptor.number } }

    /// Whether there is a group in every hierarchy.
    public var isComplete: Bool { joinFiles.count == wanted && wanted > 0 }

    /// Whether the CPUs' shares can be set.
    public var hasWeight: Bool { cpu != nil }

    /// Whether the memory of everything inside is limited.
    public private(set) var limitsMemory = false

    // MARK: Limits

    /// Sets the limits that are asked for. Throws when one cannot be had, unless the best effort is enough.
    public func apply(_ limits: SandboxLimits) throws(SandboxError) {
        weight = limits.cpuWeight
        try limitMemory(limits)
        try limitCPU(limits)
        if limits.processes > 0 { limitsInForce.append("\(limits.processes) processes (RLIMIT_NPROC)") }
        limitsInForce.append("\(limits.openFiles) open files a process (RLIMIT_NOFILE)")
        if limits.fileSize > 0 { limitsInForce.append("\(CgroupTree.size(limits.fileSize)) a file (RLIMIT_FSIZE)") }
        if limits.disk > 0 { limitsInForce.append("\(CgroupTree.size(limits.disk)) of disk (tmpfs)") }
    }

    private func limitMemory(_ limits: SandboxLimits) throws(SandboxError) {
        guard limits.memory > 0 else { return }
        guard let memory else {
            guard limits.isBestEffort else { throw CgroupTree.unavailable("memory", flag: "--memory") }
            limitsInForce.append("\(CgroupTree.size(limits.memory)) of memory (RLIMIT_DATA and a watch; best effort)")
            return
        }
        let directory = memory.directory
        if memory.isUnified {
            try set("memory.max", "\(limits.memory)", in: directory)
            try? set("memory.swap.max", "0", in: directory)
        } else {
            try set("memory.limit_in_bytes", "\(limits.memory)", in: directory)
            // Absent where the machine has no accounting of swap: then it must not be used at all.
            if (try? set("memory.memsw.limit_in_bytes", "\(limits.memory)", in: directory)) == nil {
                try? set("memory.swappiness", "0", in: directory)
            }
        }
        limitsMemory = true
        limitsInForce.append("\(CgroupTree.size(limits.memory)) of memory (\(memory.kind))")
    }

    private func limitCPU(_ limits: SandboxLimits) throws(SandboxError) {
        guard let cpu else {
            if limits.milliCPUs > 0 {
                guard limits.isBestEffort else { throw CgroupTree.unavailable("cpu", flag: "--cpus") }
                limitsInForce.append("no limit of CPUs: there is no control group for --cpus")
            }
            if limits.cpuWeight != SandboxLimits().cpuWeight {
                guard limits.isBestEffort else { throw CgroupTree.unavailable("cpu", flag: "--cpu-weight") }
                limitsInForce.append("no weight of CPUs: there is no control group for --cpu-weight")
            }
            return
        }
        if limits.milliCPUs > 0 {
            if cpu.isUnified {
                try set("cpu.max", "\(limits.milliCPUs * 100) 100000", in: cpu.directory)
            } else {
                try set("cpu.cfs_period_us", "100000", in: cpu.directory)
                try set("cpu.cfs_quota_us", "\(limits.milliCPUs * 100)", in: cpu.directory)
            }
            limitsInForce.append("\(Double(limits.milliCPUs) / 1000) CPUs (\(cpu.kind))")
        }
        setWeight(isLowered: false)
        limitsInForce.append("CPU weight \(weight), the lowest while it does not rest (\(cpu.kind))")
    }

    /// Gives the sandbox its share of the CPUs, or the lowest there is.
    public func setWeight(isLowered: Bool) {
        guard let cpu else { return }
        if cpu.isUnified {
            // Since Linux 5.15; before, the least weight comes next to it.
            if (try? set("cpu.idle", isLowered ? "1" : "0", in: cpu.directory)) == nil || !isLowered {
                try? set("cpu.weight", isLowered ? "1" : "\(weight)", in: cpu.directory)
            }
        } else {
            try? set("cpu.shares", isLowered ? "2" : "\(max(2, weight * 1024 / 100))", in: cpu.directory)
        }
    }

    // MARK: What has been used

    /// Nanoseconds of CPU that everything inside has used; nil without a group for it.
    public var usedNanoseconds: UInt64? {
        guard let number = usageFile?.descriptor.number else { return nil }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = pread(number, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        guard let line = text.split(separator: "\n").first else { return nil }
        // v2: usage_usec N in the first line; v1: the number of nanoseconds alone.
        let words = line.split(separator: " ")
        return words.count == 2 ? UInt64(words[1]).map { $0 * 1000 } : UInt64(line)
    }

    /// The processes inside.
    public var processes: [Int32] {
        guard let directory = directories.first else { return [] }
        return (Paths.text("\(directory)/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    }

    /// How many processes the memory limit has killed.
    public var memoryKills: UInt64 {
        guard let memory else { return 0 }
        let file = memory.isUnified ? "memory.events" : "memory.oom_control"
        for line in (Paths.text("\(memory.directory)/\(file)") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "oom_kill" { return UInt64(words[1]) ?? 0 }
        }
        return 0
    }

    /// Removes the groups. False when a process is still leaving one: try again.
    @discardableResult
    public func remove() -> Bool {
        joinFiles = []
        usageFile = nil
        directories.removeAll { rmdir($0) == 0 || errno == ENOENT }
        return directories.isEmpty
    }

    private func set(_ file: String, _ value: String, in directory: String) throws(SandboxError) {
        do {
            try Paths.write(value, to: "\(directory)/\(file)")
        } catch {
            throw SandboxError(making: "limit", error)
        }
    }

    private static func size(_ bytes: UInt64) -> String {
        bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes) bytes"
    }

    private static func unavailable(_ controller: String, flag: String) -> SandboxError {
        SandboxError(
            code: "limit_unavailable",
            "\(flag) needs the \(controller) controller of a control group that you may write; leave it out, run Husk "
                + "as root or under a systemd unit with Delegate=yes, or take less by --best-effort-limits.")
    }
}
