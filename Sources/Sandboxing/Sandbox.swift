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
    /// compiled seccomp program for it; `join` puts its pid into control groups before it goes on.
    public init(
        spec: SandboxSpec,
        hostname: String,
        identities: IdentityMap,
        program: borrowing OwnedDescriptor,
        filter: [UInt8],
        join: (Int32) throws(SandboxError) -> Void
    ) throws(SandboxError) {
        let parts = Sandbox.namespaces(of: spec)
        var trees: SandboxTrees? = nil
        if identities.hasRoot { trees = try SandboxTrees(spec: spec, identities: identities) }
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
                try Sandbox.becomeOneself(identities)
                let own: SandboxTrees
                if let trees { own = trees } else { own = try SandboxTrees(spec: spec, identities: identities) }
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
            if identities.hasRoot { try Sandbox.writeMaps(identities, of: "\(launch.pid)") }
            try join(launch.pid)
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

    /// Ends everything inside at once.
    public func end() {
        try? process.send(signal: SIGKILL)
    }

    private static func namespaces(of spec: SandboxSpec) -> UInt64 {
        let always =
            CLINUX_NEW_USER.rawValue | CLINUX_NEW_PID.rawValue | CLINUX_NEW_MOUNT.rawValue
            | CLINUX_NEW_IPC.rawValue | CLINUX_NEW_UTS.rawValue
        return UInt64(always) | (spec.network == .none ? UInt64(CLINUX_NEW_NETWORK.rawValue) : 0)
    }

    /// The child's part in its user table. Root's keeper has written it; an ordinary user's may not, because it is
    /// undumpable and so are its children at first, whose files in /proc are then root's (proc(5)).
    private static func becomeOneself(_ identities: IdentityMap) throws(SandboxError) {
        if identities.hasRoot {
            try step("identity") { () throws(SystemError) in
                try SystemError.check("setresuid", clinux_set_ids(0, 0, true))
            }
        } else {
            try step("identity") { () throws(SystemError) in
                try SystemError.check("prctl(dumpable)", clinux_set_dumpable(true))
            }
            try writeMaps(identities, of: "self")
        }
    }

    private static func writeMaps(_ identities: IdentityMap, of process: String) throws(SandboxError) {
        try step("user table") { () throws(SystemError) in
            // An ordinary user may map a group only after giving up setgroups (user_namespaces(7)).
            if !identities.hasRoot { try Paths.write("deny", to: "/proc/\(process)/setgroups") }
            try Paths.write(identities.userLine, to: "/proc/\(process)/uid_map")
            try Paths.write(identities.groupLine, to: "/proc/\(process)/gid_map")
        }
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
        try step("host name") { () throws(SystemError) in
            try SystemError.check("sethostname", clinux_set_hostname(hostname, hostname.utf8.count))
        }
        let root = RootFileSystem(spec: spec, hostname: hostname, hasRoot: identities.hasRoot)
        try root.enter(system: trees.system, devices: trees.devices, user: trees.user)
        try step("privileges") { () throws(SystemError) in
            clinux_reset_signals()
            try SystemError.check("sigprocmask", clinux_block_all_signals(false))
            try SystemError.check("setrlimit(core)", clinux_set_limit(Int32(CLINUX_LIMIT_CORE.rawValue), 0, 0))
            try SystemError.check("capset", clinux_drop_capabilities())
            try SystemError.check("prctl(no_new_privs)", clinux_set_no_new_privileges())
            try SystemError.check("seccomp", clinux_install_filter(filter, filter.count))
        }
    }

    private static func step(_ what: String, _ body: () throws(SystemError) -> Void) throws(SandboxError) {
        do { try body() } catch { throw SandboxError(making: what, error) }
    }
}
