import GRDB
import Glibc
import LinuxKit

/// A look at a database that an earlier process has left, before it is used. One that is damaged gets another name with
/// what belongs to it, so that SQLite deletes nothing of it.
public enum DatabaseCheck {
    /// What was wrong.
    public struct Finding: Sendable {
        /// The sentence for a user.
        public let text: String
        /// The name that the database has now; nil when only a file beside it was damaged, or it is not there.
        public let name: String?
    }

    /// What a write-ahead log begins with, but for its last bit (SQLite, "Database File Format", section 4.1).
    private static let logMagic: [UInt8] = [0x37, 0x7f, 0x06]

    /// Looks at the database of a path. Returns what was wrong; nil when nothing was, or when there is none.
    public static func run(_ path: String) throws -> Finding? {
        if let finding = try checkCompanions(of: path) { return finding }
        return try damage(of: path).map { try setAside(path, reason: $0) }
    }

    /// Gives a database another name, with what belongs to it.
    static func setAside(_ path: String, reason: String) throws -> Finding {
        let name = DamagedFile.unusedName(for: path)
        for suffix in ["", "-wal", "-shm"] where size(of: path + suffix) != nil {
            try SystemError.checkErrno("rename", rename(path + suffix, name + suffix), on: path + suffix)
        }
        return Finding(text: "\(path) is damaged: \(reason). It is now \(name)", name: name)
    }

    private static func damage(of path: String) throws -> String? {
        if let reason = DamagedFile.reason(path) { return reason }
        let (size, logSize) = (size(of: path), size(of: "\(path)-wal") ?? 0)
        guard let size, size > 0 else {
            // It was made and never written to; but SQLite would delete a log that belongs to something.
            return logSize == 0 ? nil : "it is \(size == nil ? "missing" : "empty"), and \(path)-wal is not"
        }
        do {
            let found = try DatabaseQueue(path: path, configuration: ServerDatabase.configuration).read { database in
                try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
            }
            guard let found, found != "ok" else { return nil }
            return found.split(separator: "\n").last.map(String.init) ?? ""
        } catch let error as DatabaseError {
            guard [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) else {
                throw ServerDatabaseError(path, error)
            }
            return error.message ?? "\(error.resultCode)"
        }
    }

    /// A log that is none says nothing, and SQLite would write over it.
    private static func checkCompanions(of path: String) throws -> Finding? {
        for companion in ["\(path)-wal", "\(path)-shm"] {
            var reason = DamagedFile.reason(companion)
            if reason == nil, companion.hasSuffix("-wal"), size(of: companion) ?? 0 > 0,
                try beginning(of: companion) != logMagic
            {
                reason = "it is no log of a database"
            }
            guard let reason else { continue }
            let name = try DamagedFile.setAside(companion)
            return Finding(
                text: "\(companion) is damaged: \(reason). It is now \(name); the latest changes may be missing",
                name: nil)
        }
        return nil
    }

    private static func beginning(of path: String) throws -> [UInt8] {
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), on: path))
        var bytes: [UInt8] = [0, 0, 0]
        return read(file.number, &bytes, 3) == 3 ? bytes : []
    }

    private static func size(of path: String) -> Int? {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_size) : nil
    }
}
