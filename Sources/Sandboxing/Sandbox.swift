import CLinux
import Glibc
public import KeeperWire
public import LinuxKit

/// A running sandbox: its PID 1, the lifeline to it, and how to get in.
///
/// Letting go of it closes the lifeline, which ends PID 1 and so everything inside.
public final class Sandbox {
    /// PID 1's pid on the machine.
    public let pid: Int32
    /// PID 1.
    public let process: ProcessHandle
    /// Which users are who.
    public let identities: IdentityMap
    /// The namespaces to enter.
    public let namespaces: UInt64
    /// What it was made from.
    public let spec: SandboxSpec

    private let lifeline: MessageSocket

    /// Makes a sandbox. Blocks for a few milliseconds while its root is built.
    ///
    /// The caller must have one thread. `program` is the sealed program that becomes PID 1; `filter` the
    /// compiled seccomp program for it. PID 1 itself is in no control group of the sandbox's: what it costs is not
    /// the code's to pay for.
    public init(
        spec: SandboxSpec,
        hostname: String,
        identities: IdentityMap,
        program: borrowing OwnedDescriptor,
        filter: [UInt8]
    ) throws(SandboxError) {
        let parts = Sandbox.namespaces(of: spec)
        var trees: SandboxTrees? = nil
        if identities.rangeBase != nil { trees = try SandboxTrees(spec: spec, identities: identities) }
        // newuidmap(1) maps only a process that looks like the caller's, and an undumpable one does not (proc(5)).
        let isMappedByTool = if case .subordinate = identities { true } else { false }
        if isMappedByTool { _ = clinux_set_dumpable(true) }
        defer { if isMappedByTool { _ = clinux_set_dumpable(false) } }
        let launch: SandboxLaunch
        do throws(SystemError) {
            launch = try SandboxLaunch(namespaces: parts)
        } catch {
            throw SandboxError(
                making: "namespaces", error,
                hint: "User namespaces must be allowed (sysctl kernel.unprivileged_userns_clone, "
                    + "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns).")
        }
        if launch.isChild {
            launch.runChild { () throws(SandboxError) in
                let own = try Sandbox.becomeOneself(identities, spec: spec, trees: trees)
                try Sandbox.becomeInit(
                    spec: spec, hostname: hostname, identities: identities, trees: own, filter: filter)
            } exec: {
                launch.exec(program: program.number, name: "husk-init")
            }
        }
        pid = launch.pid
        self.identities = identities
        self.namespaces = parts
        self.spec = spec
        do throws(SandboxError) {
            try Sandbox.mapIdentities(identities, of: launch.pid)
        } catch {
            launch.abandon()
            throw error
        }
        if let failure = launch.release() {
            launch.abandon()
            throw SandboxError(code: "sandbox_unavailable", failure)
        }
        process = launch.takeProcess()
        lifeline = launch.takeLifeline()
    }

    /// Where code inside may write, for Landlock; nil when the sandbox goes without.
    public var writablePaths: [String]? {
        guard spec.usesLandlock else { return nil }
        return RootFileSystem.writablePaths + spec.mounts.filter { $0.mode != .readOnly }.map(\.inside)
    }

    /// Ends everything inside at once.
    public func end() {
        try? process.send(signal: SIGKILL)
    }

    private static func namespaces(of spec: SandboxSpec) -> UInt64 {
        let always =
            CLINUX_NEW_USER.rawValue | CLINUX_NEW_PID.rawValue | CLINUX_NEW_MOUNT.rawValue
            | CLINUX_NEW_IPC.rawValue | CLINUX_NEW_UTS.rawValue
        // A kernel may be built without this one.
        let time = access("/proc/self/ns/time", F_OK) == 0 ? CLINUX_NEW_TIME.rawValue : 0
        return UInt64(always | time) | (spec.network == .none ? UInt64(CLINUX_NEW_NETWORK.rawValue) : 0)
    }

    /// The child becomes uid 0 of its namespaces, where there is one, and takes the trees that the keeper has not.
    private static func becomeOneself(
        _ identities: IdentityMap, spec: SandboxSpec, trees: SandboxTrees?
    ) throws(SandboxError) -> SandboxTrees {
        switch identities {
        case .range:
            try becomeRoot()
            if let trees { return trees }
            return try SandboxTrees(spec: spec, identities: identities)
        case .subordinate:
            // Before the change of user: the caller may look into its own folders, its subordinates may not.
            let trees = try SandboxTrees(spec: spec, identities: identities)
            try becomeRoot()
            return trees
        case .caller:
            // The keeper is undumpable and so is its child at first, whose files in /proc are then root's (proc(5)).
            try step("identity") { () throws(SystemError) in
                try SystemError.check("prctl(dumpable)", clinux_set_dumpable(true))
            }
            try step("user table") { () throws(SystemError) in
                // An ordinary user may map a group only after giving up setgroups (user_namespaces(7)).
                try Paths.write("deny", to: "/proc/self/setgroups")
                try writeTables(identities, of: "self")
            }
            return try SandboxTrees(spec: spec, identities: identities)
        }
    }

    private static func becomeRoot() throws(SandboxError) {
        try step("identity") { () throws(SystemError) in
            try SystemError.check("setresuid", clinux_set_ids(0, 0, true))
        }
    }

    /// The keeper's part in the child's user table, while the child waits.
    private static func mapIdentities(_ identities: IdentityMap, of pid: Int32) throws(SandboxError) {
        do throws(SystemError) {
            switch identities {
            case .range: try writeTables(identities, of: "\(pid)")
            case .subordinate: try SubordinateIDs.write(identities, of: pid)
            case .caller: break
            }
        } catch {
            let isTool = if case .subordinate = identities { true } else { false }
            throw isTool
                ? SandboxError(code: SubordinateIDs.failure, "Cannot map subordinate ids: \(error).")
                : SandboxError(making: "user table", error)
        }
    }

    private static func writeTables(_ identities: IdentityMap, of process: String) throws(SystemError) {
        func text(_ lines: [[UInt32]]) -> String {
            lines.map { line in line.map { "\($0)" }.joined(separator: " ") + "\n" }.joined()
        }
        try Paths.write(text(identities.userLines), to: "/proc/\(process)/uid_map")
        try Paths.write(text(identities.groupLines), to: "/proc/\(process)/gid_map")
    }

    /// The child's part: everything from new namespaces to the moment before PID 1's program starts.
    private static func becomeInit(
        spec: SandboxSpec, hostname: String, identities: IdentityMap, trees: SandboxTrees, filter: [UInt8]
    ) throws(SandboxError) {
        if spec.network == .none {
            try step("loopback device") { () throws(SystemError) in
                try SystemError.check("ioctl(SIOCSIFFLAGS)", clinux_loopback_up())
            }
        }
        // Not with the others: what is entered here is the root of what the inside sees.
        try step("control group namespace") { () throws(SystemError) in
            try SystemError.check("unshare", clinux_unshare(UInt64(CLINUX_NEW_CGROUP.rawValue)))
        }
        try step("host name") { () throws(SystemError) in
            try SystemError.check("sethostname", clinux_set_hostname(hostname, hostname.utf8.count))
        }
        let root = RootFileSystem(spec: spec, hostname: hostname, hasRoot: identities.hasRoot)
        try root.enter(trees)
        try step("privileges") { () throws(SystemError) in
            clinux_reset_signals()
            try SystemError.check("sigprocmask", clinux_block_all_signals(false))
            try SystemError.check("setrlimit(core)", clinux_set_limit(Int32(CLINUX_LIMIT_CORE.rawValue), 1, 1))
            try SystemError.check("capset", clinux_drop_capabilities())
            try SystemError.check("prctl(no_new_privs)", clinux_set_no_new_privileges())
            try SystemCallFilter.install(filter)
        }
    }

    private static func step(_ what: String, _ body: () throws(SystemError) -> Void) throws(SandboxError) {
        do { try body() } catch { throw SandboxError(making: what, error) }
    }
}
