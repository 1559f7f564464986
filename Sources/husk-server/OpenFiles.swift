import Glibc

/// How many files the process may have open.
enum OpenFiles {
    /// Allows as many as the machine does: a kernel takes some thirty, so that the usual 1024 would be full with some
    /// forty kernels.
    static func allowAll() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }
}
