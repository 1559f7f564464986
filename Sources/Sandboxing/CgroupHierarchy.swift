import Glibc
import LinuxKit

/// A place in the machine's control groups where this process may make its own (cgroups(7)).
public struct CgroupHierarchy: Hashable, Sendable {
    /// The directory in which groups are made.
    public let directory: String
    /// The controllers that groups made there have.
    public let controllers: Set<String>
    /// Whether it is cgroup v2.
    public let isUnified: Bool

    /// The controllers that sandboxes have a use for.
    static let wanted: Set<String> = ["cpu", "cpuacct", "memory"]

    /// The hierarchies in which this process can make groups with a controller of use. On v2 this switches the
    /// controllers on, which may move processes of this one's group into a group below it.
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
                var group = own[""] ?? ""
                while group.hasSuffix("/" + outside) { group.removeLast(outside.count + 1) }
                let places = [point, path(point, group.isEmpty ? nil : group)]
                if let usable = places.lazy.compactMap({ unified($0) }).first { found.append(usable) }
            case "cgroup":
                let names = Set(fields[hyphen + 3].split(separator: ",").map(String.init)).intersection(wanted)
                guard let name = names.first, let group = own[name] else { continue }
                let directory = path(point, group)
                if access(directory, W_OK) == 0 {
                    found.append(.init(directory: directory, controllers: names, isUnified: false))
                }
            default: continue
            }
        }
        return found
    }

    /// A directory of a v2 tree in which groups with controllers can be made; nil when it is not one.
    private static func unified(_ directory: String) -> CgroupHierarchy? {
        guard access(directory, W_OK) == 0, access("\(directory)/cgroup.procs", W_OK) == 0 else { return nil }
        let offered = words("\(directory)/cgroup.controllers").intersection(wanted)
        guard !offered.isEmpty else { return nil }
        let switches = "\(directory)/cgroup.subtree_control"
        let missing = offered.subtracting(words(switches))
        if !missing.isEmpty {
            let text = missing.sorted().map { "+\($0)" }.joined(separator: " ")
            do throws(SystemError) {
                try Paths.write(text, to: switches)
            } catch {
                // Only a group without processes of its own may have children with controllers; the root is exempt.
                guard error.errno == EBUSY, empty(directory), (try? Paths.write(text, to: switches)) != nil else {
                    return nil
                }
            }
        }
        return .init(directory: directory, controllers: offered, isUnified: true)
    }

    /// Moves the processes of a group into one below it, as whoever was delegated a group must (systemd's
    /// CGROUP_DELEGATION).
    private static func empty(_ directory: String) -> Bool {
        let leaf = "\(directory)/\(outside)"
        guard mkdir(leaf, 0o755) == 0 || errno == EEXIST else { return false }
        // Again until nobody is left: processes end and are forked meanwhile.
        for _ in 0..<20 {
            let processes = words("\(directory)/cgroup.procs")
            if processes.isEmpty { return true }
            for process in processes {
                do throws(SystemError) {
                    try Paths.write(process, to: "\(leaf)/cgroup.procs")
                } catch {
                    if error.errno != ESRCH { return false }
                }
            }
        }
        return false
    }

    /// The group for what is in none of a sandbox's.
    private static let outside = "husk-outside"

    private static func words(_ file: String) -> Set<String> {
        Set((Paths.text(file) ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
    }

    private static func path(_ point: String, _ group: String?) -> String {
        guard let group, group != "/" else { return point }
        return point + group
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
