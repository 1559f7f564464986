import CLinux
import CSeccomp
import Glibc
import LinuxKit
import Sandboxing

/// The system calls that a sandbox may make, compiled once (seccomp(2), libseccomp).
///
/// What is not named does not exist: ENOSYS, so that libraries fall back as on an older kernel. A call that
/// exists but is refused for its arguments is EPERM.
struct SeccompPolicy {
    /// The compiled program, `struct sock_filter` after `struct sock_filter`.
    let program: [UInt8]

    init() throws(SandboxError) {
        guard let context = seccomp_init(SeccompPolicy.action(errno: ENOSYS)) else {
            throw SandboxError(making: "system call filter", SystemError("seccomp_init", ENOMEM))
        }
        defer { seccomp_release(context) }
        do {
            // Another architecture's entry (32-bit, x32) has other numbers: no call of it is let through.
            try SystemError.check(
                "seccomp_attr_set", seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SeccompPolicy.kill))
            try SystemError.check("seccomp_attr_set", seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))
            for group in SeccompPolicy.allowed {
                for name in group.split(whereSeparator: \.isWhitespace) {
                    try SeccompPolicy.add(context, SeccompPolicy.allow, String(name))
                }
            }
            try SeccompPolicy.addConditions(to: context)
            program = try SeccompPolicy.export(context)
        } catch {
            throw SandboxError(making: "system call filter", error)
        }
    }

    private static let allow: UInt32 = 0x7fff_0000
    private static let kill: UInt32 = 0x8000_0000

    private static func action(errno: Int32) -> UInt32 { 0x0005_0000 | UInt32(errno) }

    /// Plain permissions, by what they are for.
    private static let allowed = [
        // Files by descriptor.
        """
        read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range dup dup2 dup3
        lseek fsync fdatasync sync syncfs sync_file_range ftruncate truncate fallocate fadvise64 readahead
        sendfile copy_file_range splice tee vmsplice fcntl flock ioctl
        """,
        // Files by name.
        """
        stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir
        fchdir mkdir mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat getdents
        getdents64 chown fchown lchown fchownat utime utimes utimensat futimesat umask setxattr lsetxattr fsetxattr
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr
        name_to_handle_at inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
        """,
        // Memory.
        """
        mmap munmap mremap mprotect madvise brk msync mincore mlock mlock2 munlock mlockall munlockall memfd_create
        pkey_alloc pkey_free pkey_mprotect get_mempolicy set_mempolicy mbind membarrier process_madvise
        shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
        mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
        """,
        // Processes and threads. New namespaces are refused below.
        """
        fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal getpid
        getppid gettid getpgid setpgid getpgrp setsid getsid set_tid_address set_robust_list get_robust_list futex
        futex_waitv rseq arch_prctl prctl sched_yield sched_getaffinity sched_setaffinity sched_getparam
        sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
        sched_rr_get_interval sched_getattr sched_setattr getpriority setpriority ioprio_get ioprio_set getrlimit
        setrlimit prlimit64 getrusage times seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
        getcpu process_vm_readv process_vm_writev ptrace restart_syscall
        """,
        // Users. There is nobody else to become, but programs ask.
        """
        getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid
        setresgid setfsuid setfsgid setgroups capget capset
        """,
        // Signals and waiting.
        """
        rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo
        rt_tgsigqueueinfo sigaltstack pause alarm getitimer setitimer nanosleep clock_nanosleep clock_gettime
        clock_getres gettimeofday time timer_create timer_settime timer_gettime timer_getoverrun timer_delete
        timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4 eventfd eventfd2 pipe pipe2 poll ppoll select
        pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_pwait epoll_pwait2 io_setup
        io_destroy io_submit io_cancel io_getevents io_pgetevents
        """,
        // Sockets of the families below.
        """
        bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto recvfrom sendmsg
        recvmsg sendmmsg recvmmsg shutdown
        """,
        // The machine, as far as programs ask.
        "uname sysinfo getrandom syslog vhangup",
    ]

    private static func addConditions(to context: scmp_filter_ctx) throws(SystemError) {
        // New namespaces would give back capabilities. clone3's flags lie in memory that a filter cannot
        // read, and libc falls back to clone when it is absent.
        let namespaces: UInt64 = 0x7e02_0080
        try add(context, allow, "clone", [masked(0, namespaces, 0)])
        try add(context, action(errno: EPERM), "unshare")
        try add(context, action(errno: EPERM), "setns")
        for name in [
            "mount", "umount2", "pivot_root", "chroot", "bpf", "perf_event_open", "keyctl", "add_key", "request_key",
        ] {
            try add(context, action(errno: EPERM), name)
        }
        // unix, inet, inet6; netlink for the routing queries of getifaddrs(3).
        for family: UInt64 in [1, 2, 10] { try add(context, allow, "socket", [equal(0, family)]) }
        try add(context, allow, "socket", [equal(0, 16), equal(2, 0)])
        try add(context, allow, "socketpair", [equal(0, 1)])
        // What addr2line, gdb and setarch ask for; not READ_IMPLIES_EXEC.
        for personality: UInt64 in [0, 0x0004_0000, 0xffff_ffff] {
            try add(context, allow, "personality", [equal(0, personality)])
        }
        // A set-uid or set-gid file made in a shared folder would be one on the host.
        let setID: UInt64 = 0o6000
        for (name, mode): (String, UInt32) in [
            ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2),
        ] {
            try add(context, allow, name, [masked(mode, setID, 0)])
            try add(context, action(errno: EPERM), name, [masked(mode, 0o4000, 0o4000)])
            try add(context, action(errno: EPERM), name, [masked(mode, 0o2000, 0o2000)])
        }
        // The mode counts only with O_CREAT or O_TMPFILE; without them the argument is whatever was in the register.
        for (name, flags): (String, UInt32) in [("open", 1), ("openat", 2)] {
            try add(context, allow, name, [masked(flags, 0x40_0040, 0)])
            try add(context, allow, name, [masked(flags + 1, setID, 0)])
        }
    }

    private static func equal(_ argument: UInt32, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
    }

    private static func masked(_ argument: UInt32, _ mask: UInt64, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: mask, datum_b: value)
    }

    private static func add(
        _ context: scmp_filter_ctx, _ action: UInt32, _ name: String, _ conditions: [scmp_arg_cmp] = []
    ) throws(SystemError) {
        let number = seccomp_syscall_resolve_name(name)
        // A call that this architecture does not have, or that libseccomp does not know.
        if number < 0 { return }
        let outcome = conditions.withUnsafeBufferPointer {
            seccomp_rule_add_array(context, action, number, UInt32($0.count), $0.baseAddress)
        }
        // A rule that repeats an earlier one is no error.
        if outcome == -EEXIST { return }
        try SystemError.check("seccomp_rule_add", outcome, on: name)
    }

    private static func export(_ context: scmp_filter_ctx) throws(SystemError) -> [UInt8] {
        let file = OwnedDescriptor(adopting: try SystemError.check("memfd_create", clinux_memory_file("filter", false)))
        try SystemError.check("seccomp_export_bpf", seccomp_export_bpf(context, file.number))
        let size = lseek(file.number, 0, SEEK_CUR)
        var bytes = [UInt8](repeating: 0, count: Int(size))
        guard pread(file.number, &bytes, bytes.count, 0) == bytes.count else { throw SystemError("pread", EIO) }
        return bytes
    }
}
