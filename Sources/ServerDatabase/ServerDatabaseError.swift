import GRDB

/// Why a database of a server's cannot be used.
public enum ServerDatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A later version has written it.
    case later(String)
    /// It can be neither read nor written.
    case unusable(String, reason: String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .later(let path): "\(path) was written by a later version of Husk; use that, or another --state"
        case .unusable(let path, let reason): "\(path) cannot be used: \(reason)"
        }
    }

    /// What SQLite says of a database, and what to do where somebody but its author can do something.
    init(_ path: String, _ error: DatabaseError) {
        let reason = error.message ?? "\(error.resultCode)"
        let advice: String? =
            switch error.resultCode {
            case .SQLITE_FULL: "Free some room on the disk."
            case .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_CANTOPEN:
                "See to it that this user may write to the file and its folder."
            case .SQLITE_IOERR: "See whether the disk is full, or broken."
            default: nil
            }
        self = .unusable(path, reason: advice.map { "\(reason). \($0)" } ?? reason)
    }
}
