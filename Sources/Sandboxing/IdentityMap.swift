import Glibc

/// Which users of the machine the users of a sandbox are.
///
/// User code is uid and gid 1000 inside, whoever runs Husk.
public enum IdentityMap: Hashable, Sendable {
    /// Husk runs as root: ids 0 to 65535 inside are a range that nobody on the machine uses, and the user's
    /// folders are mounted with their owners mapped to 1000.
    case range(base: UInt32)
    /// An ordinary user: 1000 inside is the caller, and there is nobody else.
    case caller(uid: UInt32, gid: UInt32)

    /// The uid and gid of user code inside.
    public static let user: UInt32 = 1000

    /// The map for the process that calls, with a range for the sandbox chosen by `index`.
    public static func current(index: UInt32) -> IdentityMap {
        guard geteuid() == 0 else { return .caller(uid: geteuid(), gid: getegid()) }
        // Above the ranges that useradd and newuidmap give out, below the sign bit that some tools dislike.
        return .range(base: 0x2000_0000 + (index % 0x4000) * 0x1_0000)
    }

    /// Whether ids other than the user's exist inside, so that PID 1 can be another user.
    public var hasRoot: Bool {
        if case .range = self { true } else { false }
    }

    /// The line for `/proc/PID/uid_map` (user_namespaces(7)).
    public var userLine: String {
        switch self {
        case .range(let base): "0 \(base) 65536\n"
        case .caller(let uid, _): "\(IdentityMap.user) \(uid) 1\n"
        }
    }

    /// The line for `/proc/PID/gid_map`.
    public var groupLine: String {
        switch self {
        case .range(let base): "0 \(base) 65536\n"
        case .caller(_, let gid): "\(IdentityMap.user) \(gid) 1\n"
        }
    }
}
