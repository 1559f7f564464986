/// Why a server's kernels cannot be had.
public enum HostingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another server has the state directory.
    case inUse(String)
    /// Somebody else could write into the state directory.
    case untrusted(String, reason: String)
    /// There is a kernel of this id.
    case exists(String)
    /// There are as many kernels as there may be.
    case full(Int)
    /// A kernel is dead, or has not come back from a restart.
    case notRunning(String)
    /// A client gives one name to two different requests.
    case keyReused(String)
    /// The kernel of this id has been ended meanwhile.
    case ended(String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .inUse(let state): "another server runs in \(state); stop it, or name another folder by --state"
        case .full(let count):
            "\(count) kernels is as many as there may be (--max-kernels); end one, or wait until one has ended"
        case .notRunning(let id): "the kernel \(id) does not run; restart it, or wait until it is restarted"
        case .keyReused(let key): "the idempotency key \(key) was that of another request"
        case .untrusted(let state, let reason):
            "the state directory \(state) cannot be used: \(reason). Name one by --state"
        case .exists(let id): "there is a kernel \(id) already"
        case .ended(let id): "the kernel \(id) has been ended"
        }
    }
}
