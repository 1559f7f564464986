import Glibc
import SQLiteDatabase

/// The sessions of a state directory, for the server's next start. For one thread.
public final class SessionStore {
    /// The schema's number; a database with a higher one is a later Husk's.
    private static let version: Int64 = 1

    /// What the database has, the oldest first.
    public private(set) var sessions: [Session] = []

    private let database: Database

    /// Opens or makes the database, brings it to today's schema and reads it.
    public init(path: String) throws {
        // Paths of documents are for their user alone, and SQLite would let everybody read them.
        close(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600))
        database = try Database(path: path, patience: 5000)
        try database.run("PRAGMA journal_mode = WAL")
        let row = try database.run("PRAGMA user_version").first
        guard case .integer(let version)? = row?.first, version <= SessionStore.version else {
            throw SessionStoreError.later(path)
        }
        if version < 1 {
            try database.run(
                """
                CREATE TABLE sessions (
                  id TEXT PRIMARY KEY, path TEXT NOT NULL, name TEXT, type TEXT NOT NULL, kernel TEXT NOT NULL) STRICT
                """)
        }
        if version < SessionStore.version { try database.run("PRAGMA user_version = \(SessionStore.version)") }
        sessions = try read()
    }

    /// Writes down what is new or has changed, and forgets what is not among the sessions. An error leaves the database
    /// as it was, and the next call makes up for it.
    public func keep(_ wanted: [Session]) throws {
        guard wanted != sessions else { return }
        let known = Dictionary(sessions.map { ($0.id, $0) }) { $1 }
        let ids = Set(wanted.map(\.id))
        try database.transaction { () throws(DatabaseError) in
            for session in sessions where !ids.contains(session.id) {
                try database.run("DELETE FROM sessions WHERE id = ?", [.text(session.id)])
            }
            for session in wanted where known[session.id] != session { try write(session) }
        }
        sessions = wanted
    }

    private func write(_ session: Session) throws(DatabaseError) {
        try database.run(
            """
            INSERT INTO sessions VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
              path = excluded.path, name = excluded.name, type = excluded.type, kernel = excluded.kernel
            """,
            [
                .text(session.id), .text(session.path), session.name.map { .text($0) } ?? .null, .text(session.type),
                .text(session.kernelID),
            ])
    }

    private func read() throws(DatabaseError) -> [Session] {
        try database.run("SELECT id, path, name, type, kernel FROM sessions ORDER BY rowid").compactMap {
            guard case .text(let id) = $0[0], case .text(let path) = $0[1], case .text(let type) = $0[3],
                case .text(let kernel) = $0[4]
            else { return nil }
            var name: String?
            if case .text(let text) = $0[2] { name = text }
            return Session(id: id, path: path, name: name, type: type, kernelID: kernel)
        }
    }
}
