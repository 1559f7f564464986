import Glibc
public import KeeperWire
import LinuxKit

/// The control groups of one sandbox, on cgroup v1 or v2, or none (cgroups(7)).
///
/// Only controllers that a limit asks for get a group: on v1 each join waits for an RCU grace period (4.6 ms
/// measured). Groups outlive the keeper, so their paths stand in the sandbox's record until they are gone.
public final class CgroupTree {
    /// Directories of the groups made, for the record and the clean-up.
    public private(set) var directories: [String] = []
    /// Which limits bind, one phrase each.
    public private(set) var limitsInForce: [String] = []
    private var joinFiles: [OwnedDescriptorBox] = []

    /// Makes groups for the limits that are asked for. Throws when one cannot be had.
    public init(name: String, limits: SandboxLimits) throws(SandboxError) {
        if limits.processes > 0 { limitsInForce.append("\(limits.processes) processes (RLIMIT_NPROC)") }
        guard limits.memory > 0 || limits.milliCPUs > 0 else { return }
        let hierarchies = CgroupHierarchy.detect()
        do {
            if limits.memory > 0 { try limitMemory(limits.memory, name: name, hierarchies) }
            if limits.milliCPUs > 0 { try limitCPU(limits.milliCPUs, name: name, hierarchies) }
        } catch {
            remove()
            throw error
        }
    }

    /// Descriptors of the `cgroup.procs` files; writing 0 to each joins.
    public var joinDescriptors: [Int32] { joinFiles.map { $0.descriptor.number } }

    /// Puts a process into the groups.
    public func join(_ pid: Int32) throws(SandboxError) {
        let text = Array("\(pid)".utf8)
        for file in joinFiles where write(file.descriptor.number, text, text.count) != text.count {
            throw SandboxError(making: "control group", SystemError("write(cgroup.procs)", errno))
        }
    }

    /// Whether the memory limit has killed something.
    public var hasKilledForMemory: Bool {
        directories.contains { directory in
            for file in ["memory.oom_control", "memory.events"] {
                for line in (Paths.text("\(directory)/\(file)") ?? "").split(separator: "\n") {
                    let words = line.split(separator: " ")
                    if words.count == 2, words[0] == "oom_kill", words[1] != "0" { return true }
                }
            }
            return false
        }
    }

    /// Removes the groups. False when a process is still leaving one: try again.
    @discardableResult
    public func remove() -> Bool {
        joinFiles = []
        directories.removeAll { rmdir($0) == 0 || errno == ENOENT }
        return directories.isEmpty
    }

    private func limitMemory(_ bytes: UInt64, name: String, _ all: [CgroupHierarchy]) throws(SandboxError) {
        guard let hierarchy = all.first(where: { $0.controllers.contains("memory") }) else {
            throw CgroupTree.unavailable("memory", flag: "--memory")
        }
        let directory = try make(name, in: hierarchy, for: "memory", flag: "--memory")
        if hierarchy.isUnified {
            try set("memory.max", "\(bytes)", in: directory)
            try? set("memory.swap.max", "0", in: directory)
            try? set("memory.oom.group", "0", in: directory)
        } else {
            try set("memory.limit_in_bytes", "\(bytes)", in: directory)
            try? set("memory.memsw.limit_in_bytes", "\(bytes)", in: directory)
        }
        limitsInForce.append("\(bytes >> 20) MiB of memory (cgroup v\(hierarchy.isUnified ? 2 : 1))")
    }

    private func limitCPU(_ milli: UInt64, name: String, _ all: [CgroupHierarchy]) throws(SandboxError) {
        guard let hierarchy = all.first(where: { $0.controllers.contains("cpu") }) else {
            throw CgroupTree.unavailable("cpu", flag: "--cpus")
        }
        let directory = try make(name, in: hierarchy, for: "cpu", flag: "--cpus")
        if hierarchy.isUnified {
            try set("cpu.max", "\(milli * 100) 100000", in: directory)
        } else {
            try set("cpu.cfs_period_us", "100000", in: directory)
            try set("cpu.cfs_quota_us", "\(milli * 100)", in: directory)
        }
        limitsInForce.append("\(Double(milli) / 1000) CPUs (cgroup v\(hierarchy.isUnified ? 2 : 1))")
    }

    private func make(
        _ name: String, in hierarchy: CgroupHierarchy, for controller: String, flag: String
    ) throws(SandboxError) -> String {
        let directory = "\(hierarchy.directory)/husk-\(name)"
        if directories.contains(directory) { return directory }
        guard mkdir(directory, 0o755) == 0 else {
            throw SandboxError(
                making: "control group for \(flag)", SystemError("mkdir", errno, on: directory),
                hint: "Without the right to make one, leave \(flag) out.")
        }
        directories.append(directory)
        let path = "\(directory)/cgroup.procs"
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw SandboxError(making: "control group", SystemError("open", errno, on: path)) }
        joinFiles.append(OwnedDescriptorBox(OwnedDescriptor(adopting: file)))
        return directory
    }

    private func set(_ file: String, _ value: String, in directory: String) throws(SandboxError) {
        do {
            try Paths.write(value, to: "\(directory)/\(file)")
        } catch {
            throw SandboxError(making: "limit", error)
        }
    }

    private static func unavailable(_ controller: String, flag: String) -> SandboxError {
        SandboxError(
            code: "limit_unavailable",
            "\(flag) needs the \(controller) controller of a control group that you may write; leave it out, or "
                + "run Husk as root or under a systemd unit with Delegate=yes.")
    }
}
