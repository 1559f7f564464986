import Glibc

/// Which users of the machine the users of a sandbox are.
///
/// User code is uid and gid 1000 inside, whoever runs Husk.
public enum IdentityMap: Hashable, Sendable {
    /// Husk runs as root: ids 0 to 65535 inside are a range that nobody on the machine uses, and the user's
    /// folders are mounted with their owners mapped to 1000.
    case range(base: UInt32)
    /// An ordinary user with subordinate ids: 1000 inside is the caller, the others are the caller's subordinates.
    case subordinate(uid: UInt32, gid: UInt32, SubordinateIDs)
    /// An ordinary user: 1000 inside is the caller, and there is nobody else.
    case caller(uid: UInt32, gid: UInt32)

    /// The uid and gid of user code inside.
    public static let user: UInt32 = 1000
    /// How many ids there are inside, where there are others than the user's.
    static let count: UInt32 = 65_536

    /// The map for the process that calls, with a range for the sandbox chosen by `index`.
    public static func current(index: UInt32, subordinates: SubordinateIDs?) -> IdentityMap {
        if geteuid() == 0 {
            return .range(base: firstRange + (index % rangeCount) * count)
        }
        if let subordinates { return .subordinate(uid: geteuid(), gid: getegid(), subordinates) }
        return .caller(uid: geteuid(), gid: getegid())
    }

    /// Above the ranges that useradd and newuidmap give out, below the sign bit that some tools dislike.
    private static let firstRange: UInt32 = 0x2000_0000
    /// How many ranges there are.
    public static let rangeCount: UInt32 = 0x4000

    /// Which of the ranges it is; nil for an ordinary user's.
    public var rangeIndex: UInt32? { rangeBase.map { ($0 - IdentityMap.firstRange) / IdentityMap.count } }

    /// Whether ids other than the user's exist inside, so that PID 1 can be another user.
    public var hasRoot: Bool {
        if case .caller = self { false } else { true }
    }

    /// Where the ids of a range begin on the machine; nil for an ordinary user's sandbox, whose folders need no map.
    var rangeBase: UInt32? {
        if case .range(let base) = self { base } else { nil }
    }

    /// The lines of `/proc/PID/uid_map`: first id inside, first id outside, count (user_namespaces(7)).
    public var userLines: [[UInt32]] {
        switch self {
        case .range(let base): [[0, base, IdentityMap.count]]
        case .subordinate(let uid, _, let ids): IdentityMap.lines(around: uid, ids.firstUser)
        case .caller(let uid, _): [[IdentityMap.user, uid, 1]]
        }
    }

    /// The lines of `/proc/PID/gid_map`.
    public var groupLines: [[UInt32]] {
        switch self {
        case .range(let base): [[0, base, IdentityMap.count]]
        case .subordinate(_, let gid, let ids): IdentityMap.lines(around: gid, ids.firstGroup)
        case .caller(_, let gid): [[IdentityMap.user, gid, 1]]
        }
    }

    private static func lines(around caller: UInt32, _ first: UInt32) -> [[UInt32]] {
        [[0, first, user], [user, caller, 1], [user + 1, first + user, count - user - 1]]
    }
}
