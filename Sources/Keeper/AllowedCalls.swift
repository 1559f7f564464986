import CSeccomp
import Glibc
import LinuxKit

/// The system calls that exist inside a sandbox, by name and by what they are for.
///
/// What is not named does not exist: ENOSYS, so that libraries fall back as on an older kernel. So openat2,
/// fchmodat2 and clone3 do not exist, whose arguments lie in memory that a filter cannot read.
enum AllowedCalls {
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
        open openat creat mknod mknodat chmod fchmod fchmodat stat fstat lstat newfstatat statx statfs fstatfs access
        faccessat faccessat2 readlink readlinkat getcwd chdir
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
        futex_waitv rseq arch_prctl prctl clone sched_yield sched_getaffinity sched_setaffinity sched_getparam
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
        "uname sysinfo getrandom",
    ]

    /// Calls that libseccomp 2.5.4 has no name for, and that give nothing that is not given above: cachestat,
    /// futex_wake, futex_wait, futex_requeue, mseal. The numbers are the same on every architecture.
    private static let newer: [Int32] = [451, 454, 455, 456, 462]

    /// What exists for nobody inside, and says so: programs that ask for it get to hear that they may not.
    private static let refused = """
        unshare setns mount umount2 pivot_root chroot bpf perf_event_open keyctl add_key request_key userfaultfd
        open_by_handle_at kexec_load init_module finit_module delete_module reboot swapon swapoff acct
        settimeofday clock_settime adjtimex sethostname setdomainname iopl ioperm syslog quotactl vhangup
        """

    /// The compiled filter.
    static func program() throws(SystemError) -> [UInt8] {
        let filter = try SeccompFilter(otherwise: SeccompFilter.failing(ENOSYS))
        for group in allowed { try filter.add(SeccompFilter.allow, group) }
        for number in newer { try filter.add(SeccompFilter.allow, number: number) }
        try filter.add(SeccompFilter.failing(EPERM), refused)
        // What addr2line, gdb and setarch ask for; not READ_IMPLIES_EXEC.
        for personality: UInt64 in [0, 0x0004_0000, 0xffff_ffff] {
            try filter.add(SeccompFilter.allow, "personality", SeccompFilter.equal(0, personality))
        }
        try addSockets(to: filter)
        return try filter.program()
    }

    /// unix, inet, inet6; netlink for the routing queries of getifaddrs(3). Other families are as if not built in.
    private static func addSockets(to filter: SeccompFilter) throws(SystemError) {
        let (unix, inet, inet6, netlink): (UInt64, UInt64, UInt64, UInt64) = (1, 2, 10, 16)
        for family in [unix, inet, inet6] {
            try filter.add(SeccompFilter.allow, "socket", SeccompFilter.equal(0, family))
        }
        let route = SeccompFilter.equal(2, 0)
        try filter.add(SeccompFilter.allow, "socket", SeccompFilter.equal(0, netlink), route)
        try filter.add(SeccompFilter.allow, "socketpair", SeccompFilter.equal(0, unix))
        let absent = SeccompFilter.failing(EAFNOSUPPORT)
        for family in 0...netlink where ![unix, inet, inet6, netlink].contains(family) {
            try filter.add(absent, "socket", SeccompFilter.equal(0, family))
        }
        try filter.add(absent, "socket", SeccompFilter.greater(0, netlink))
        try filter.add(
            SeccompFilter.failing(EPROTONOSUPPORT), "socket", SeccompFilter.equal(0, netlink),
            SeccompFilter.different(2, 0))
    }
}
