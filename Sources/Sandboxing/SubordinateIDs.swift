import CLinux
import Glibc
import LinuxKit

/// Ids that the machine's administrator has given an ordinary user for sandboxes (subuid(5), subgid(5)).
public struct SubordinateIDs: Hashable, Sendable {
    /// The first of 65,535 uids.
    public let firstUser: UInt32
    /// The first of 65,535 gids.
    public let firstGroup: UInt32

    /// The code of the error when they cannot be mapped after all.
    public static let failure = "subordinate_ids"

    private static let tools = (user: "/usr/bin/newuidmap", group: "/usr/bin/newgidmap")

    /// The first range of each kind that is large enough, for the user who calls; nil when there is none, or no
    /// newuidmap(1) to map it with.
    public static func ofCaller() -> SubordinateIDs? {
        guard access(tools.user, X_OK) == 0, access(tools.group, X_OK) == 0,
            let users = Paths.text("/etc/subuid"), let groups = Paths.text("/etc/subgid")
        else { return nil }
        var names = ["\(getuid())"]
        if let name = name(of: getuid(), in: Paths.text("/etc/passwd") ?? "") { names.append(name) }
        guard let user = first(in: users, of: names), let group = first(in: groups, of: names) else { return nil }
        return SubordinateIDs(firstUser: user, firstGroup: group)
    }

    /// A user's name. Not by getpwuid(3), which loads libraries into a static program.
    private static func name(of uid: UInt32, in passwords: String) -> String? {
        for line in passwords.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == "\(uid)" { return String(fields[0]) }
        }
        return nil
    }

    /// Reads `NAME:FIRST:COUNT` lines.
    static func first(in text: String, of names: [String]) -> UInt32? {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, names.contains(String(parts[0])), let first = UInt32(parts[1]),
                let count = UInt32(parts[2]), count >= IdentityMap.count - 1,
                first <= UInt32.max - IdentityMap.count
            else { continue }
            return first
        }
        return nil
    }

    /// Lets newuidmap(1) and newgidmap(1) write the tables of a process, which must be dumpable.
    static func write(_ map: IdentityMap, of pid: Int32) throws(SystemError) {
        try run(tools.user, pid, map.userLines)
        try run(tools.group, pid, map.groupLines)
    }

    private static func run(_ tool: String, _ pid: Int32, _ lines: [[UInt32]]) throws(SystemError) {
        let words = [tool, "\(pid)"] + lines.joined().map { "\($0)" }
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        let outcome = posix_spawn(&child, tool, nil, nil, &argv, &environment)
        guard outcome == 0 else { throw SystemError("posix_spawn", outcome, on: tool) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw SystemError("its work", EPERM, on: tool) }
    }
}
