import Glibc

/// A place in the machine's control groups where this process may make its own.
public struct CgroupHierarchy: Hashable, Sendable {
    /// The directory of this process's own group.
    public let directory: String
    /// The controllers that can be used there.
    public let controllers: Set<String>
    /// Whether it is cgroup v2.
    public let isUnified: Bool

    /// The writable hierarchies of this process.
    public static func detect() -> [CgroupHierarchy] {
        let own = ownPaths()
        var found: [CgroupHierarchy] = []
        for line in (Paths.text("/proc/self/mountinfo") ?? "").split(separator: "\n") {
            // proc_pid_mountinfo(5): fields, a lone hyphen, then type, source and super options.
            let fields = line.split(separator: " ")
            guard let hyphen = fields.firstIndex(of: "-"), fields.count > hyphen + 3, fields.count > 4 else { continue }
            let point = String(fields[4])
            switch fields[hyphen + 1] {
            case "cgroup2":
                let directory = point + (own[""] ?? "")
                let names = (Paths.text("\(directory)/cgroup.subtree_control") ?? "").split(
                    whereSeparator: \.isWhitespace)
                found.append(.init(directory: directory, controllers: Set(names.map(String.init)), isUnified: true))
            case "cgroup":
                let names = fields[hyphen + 3].split(separator: ",").map(String.init)
                for name in names where own[name] != nil {
                    let suffix = own[name].map { $0 == "/" ? "" : $0 } ?? ""
                    found.append(.init(directory: point + suffix, controllers: [name], isUnified: false))
                }
            default: continue
            }
        }
        return found.filter { access($0.directory, W_OK) == 0 }
    }

    /// This process's group by controller; the empty name is v2's.
    private static func ownPaths() -> [String: String] {
        var paths: [String: String] = [:]
        for line in (Paths.text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            for name in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                paths[String(name)] = String(parts[2])
            }
        }
        return paths
    }
}
