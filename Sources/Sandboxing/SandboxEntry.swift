public import CLinux
import Glibc
public import KeeperWire
public import LinuxKit

/// The way of a process into an existing sandbox, and what it leaves behind there.
public enum SandboxEntry {
    /// How many descriptors an interpreter starts with, numbered from 0.
    public static let descriptorCount = 9

    /// Forks the caller into a sandbox: returns 0 in the new process, which must call ``settle`` next, and its
    /// pid in the caller. The caller must have one thread.
    public static func fork(
        into sandbox: borrowing OwnedDescriptor, _ entry: EntrySpec, hooks: UnsafePointer<clinux_fork_hooks>? = nil
    ) -> Int32 {
        // The launcher shares its memory with the caller, and such a process may not change its time namespace
        // (time_namespaces(7)): the new process enters that one itself.
        let own = UInt64(CLINUX_NEW_TIME.rawValue)
        let pid = clinux_fork_into(sandbox.number, entry.namespaces & ~own, hooks)
        if pid == 0, entry.namespaces & own != 0 {
            let outcome = clinux_setns(sandbox.number, own)
            if outcome < 0 { fail("Cannot enter the sandbox: \(SystemError("setns(time)", -outcome)).") }
        }
        return pid
    }

    /// Makes the new process an ordinary inhabitant: descriptors 0 to 8, session, limits, ids, no
    /// privileges, the filter. On failure it says so on the interpreter's standard error and ends.
    ///
    /// - Parameters:
    ///   - descriptors: what becomes 0, 1, 2, …; everything else is closed.
    ///   - groups: `cgroup.procs` files to join.
    ///   - executes: whether ``execute(path:arguments:environment:)`` follows. A forked interpreter keeps its handlers of
    ///     signals; and what is about to become another program stays unreadable until then: its memory is a copy of
    ///     the caller's, and others in the sandbox are of the same user.
    public static func settle(
        _ entry: EntrySpec, descriptors: [Int32], groups: [Int32], filter: [UInt8], executes: Bool
    ) {
        do {
            try enter(groups)
            // From here on /proc/self/cgroup says "/", and says nothing of the machine's groups.
            try SystemError.check("unshare(cgroup)", clinux_unshare(UInt64(CLINUX_NEW_CGROUP.rawValue)))
            try arrange(descriptors)
            if executes { clinux_reset_signals() }
            try SystemError.check("sigprocmask", clinux_block_all_signals(false))
            try SystemError.checkErrno("setsid", setsid())
            umask(0o022)
            try limit(entry)
            let user = IdentityMap.user
            try SystemError.check("setresuid", clinux_set_ids(user, user, entry.clearsGroups))
            try SystemError.checkErrno("chdir", chdir(entry.directory), on: entry.directory)
            try SystemError.check("capset", clinux_drop_capabilities())
            // The change of user made the process undumpable, which would hide /proc/self from itself.
            if !executes { try SystemError.check("prctl(dumpable)", clinux_set_dumpable(true)) }
            try SystemError.check("prctl(no_new_privs)", clinux_set_no_new_privileges())
            if let writable = entry.writablePaths { try Landlock.restrict(writable: writable) }
            try SystemCallFilter.install(filter)
        } catch {
            fail("Cannot enter the sandbox: \(error).")
        }
    }

    /// Executes a program of the sandbox, or says on standard error why not and ends.
    public static func execute(path: String, arguments: [String], environment: [String]) -> Never {
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        execve(path, &argv, &envp)
        fail("Cannot start \(path) inside the sandbox: \(SystemError.text(of: errno)).")
    }

    /// Executes a program on a new terminal, whose master it sends through its descriptor 3.
    public static func executeOnTerminal(path: String, arguments: [String], environment: [String]) -> Never {
        do {
            var ends: [Int32] = [-1, -1]
            try SystemError.check("open(/dev/ptmx)", clinux_open_terminal(&ends))
            let socket = MessageSocket(adopting: OwnedDescriptor(adopting: 3))
            try socket.send([1], descriptors: [ends[0]])
            for target: Int32 in 0...2 { try SystemError.checkErrno("dup2", dup2(ends[1], target)) }
            try SystemError.check("ioctl(TIOCSCTTY)", clinux_control_terminal(0))
            try SystemError.check("close_range", clinux_close_range(3, UInt32.max, true))
        } catch {
            fail("Cannot open a terminal in the sandbox: \(error).")
        }
        execute(path: path, arguments: arguments, environment: environment)
    }

    /// Puts the calling process into the groups of these `cgroup.procs` files, which it closes. Returns whether it is
    /// in all of them.
    public static func join(_ groups: [Int32]) -> Bool {
        defer { for group in groups { close(group) } }
        return (try? enter(groups)) != nil
    }

    private static func enter(_ groups: [Int32]) throws(SystemError) {
        // cgroup v1 and v2 both read "0" as the writing process.
        for group in groups where write(group, "0", 1) != 1 { throw SystemError("write(cgroup.procs)", errno) }
    }

    private static func arrange(_ descriptors: [Int32]) throws(SystemError) {
        var lifted: [Int32] = []
        for descriptor in descriptors {
            lifted.append(try SystemError.check("fcntl(F_DUPFD)", clinux_duplicate(descriptor, 64)))
        }
        for (target, descriptor) in lifted.enumerated() {
            try SystemError.checkErrno("dup2", dup2(descriptor, Int32(target)))
        }
        try SystemError.check("close_range", clinux_close_range(UInt32(descriptors.count), UInt32.max, false))
    }

    private static func limit(_ entry: EntrySpec) throws(SystemError) {
        // Zero forbids files only: a helper that core_pattern names would still be run by the host. One forbids it
        // too (core(5), do_coredump), and the filter lets nobody set another value.
        try lower(CLINUX_LIMIT_CORE, to: 1)
        try lower(CLINUX_LIMIT_MEMORY_LOCK, to: 64 << 20)
        try lower(CLINUX_LIMIT_MESSAGE_QUEUE, to: 819_200)
        // Timers count as signals to come; the machine has some ten thousands for all of one user's.
        try lower(CLINUX_LIMIT_PENDING_SIGNALS, to: 4096)
        // Counted per user namespace, since the process is in the sandbox's by now (getrlimit(2), Linux 5.14).
        if entry.limits.processes > 0 { try lower(CLINUX_LIMIT_PROCESSES, to: entry.limits.processes) }
        if entry.limits.fileSize > 0 { try lower(CLINUX_LIMIT_FILE_SIZE, to: entry.limits.fileSize) }
        if entry.dataSize > 0 { try lower(CLINUX_LIMIT_DATA, to: entry.dataSize) }
        // Programs that close every possible descriptor take minutes under a limit of millions.
        try lower(CLINUX_LIMIT_OPEN_FILES, to: entry.limits.openFiles, soft: min(8192, entry.limits.openFiles))
    }

    /// Lowers a limit; raising one would need CAP_SYS_RESOURCE on the machine.
    private static func lower(_ limit: clinux_limit, to value: UInt64, soft: UInt64 = .max) throws(SystemError) {
        let kind = Int32(limit.rawValue)
        var oldSoft: UInt64 = 0
        var oldHard: UInt64 = 0
        try SystemError.check("getrlimit", clinux_get_limit(kind, &oldSoft, &oldHard))
        let hard = min(value, oldHard)
        try SystemError.check("setrlimit(\(kind))", clinux_set_limit(kind, min(soft, hard), hard))
    }

    private static func fail(_ text: String) -> Never {
        let bytes = Array("husk: \(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
        _exit(126)
    }
}
