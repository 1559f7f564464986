import GRDB
import ServerDatabase

import struct Foundation.Data

/// The sessions of a state directory, for the server's next start. For one thread.
public final class SessionStore {
    private static let schema: DatabaseSchema = {
        var schema = DatabaseSchema(tables: ["sessions"])
        schema.add("sessions") { database in
            try database.execute(
                sql: """
                    CREATE TABLE sessions (
                      id TEXT PRIMARY KEY, path TEXT NOT NULL, name TEXT, type TEXT NOT NULL, kernel TEXT NOT NULL)
                      STRICT
                    """)
        }
        return schema
    }()

    /// What the database has, the oldest first.
    public private(set) var sessions: [Session] = []
    /// What was damaged when it was opened, a sentence each.
    public let damage: [String]

    private let queue: DatabaseQueue

    /// Opens or makes the database, brings it to today's schema and reads it. One that is damaged gets another name.
    public init(path: String) throws {
        let opened = try ServerDatabase(path: path, schema: SessionStore.schema)
        queue = opened.queue
        damage = opened.findings.map(\.text)
        sessions = try read()
    }

    /// Writes down what is new or has changed, and forgets what is not among the sessions. An error leaves the database
    /// as it was, and the next call makes up for it.
    public func keep(_ wanted: [Session]) throws {
        guard wanted != sessions else { return }
        let known = Dictionary(sessions.map { ($0.id, $0) }) { $1 }
        let gone = Set(known.keys).subtracting(wanted.map(\.id))
        try queue.write { database in
            for id in gone { try database.execute(sql: "DELETE FROM sessions WHERE id = ?", arguments: [id]) }
            for session in wanted where known[session.id] != session {
                try database.execute(
                    sql: """
                        INSERT INTO sessions VALUES
                          (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))
                          ON CONFLICT (id) DO UPDATE SET
                          path = excluded.path, name = excluded.name, type = excluded.type, kernel = excluded.kernel
                        """,
                    arguments: [
                        session.id, Data(session.path.utf8), session.name.map { Data($0.utf8) },
                        Data(session.type.utf8),
                        Data(session.kernelID.utf8),
                    ])
            }
        }
        sessions = wanted
    }

    /// Clients choose these texts, and GRDB ends one at its first NUL: they are read and written as bytes.
    private static let texts = ["path", "name", "type", "kernel"].map { "CAST(\($0) AS BLOB) AS \($0)" }

    private func read() throws -> [Session] {
        let sql = "SELECT id, \(SessionStore.texts.joined(separator: ", ")) FROM sessions ORDER BY rowid"
        return try queue.read { try Row.fetchAll($0, sql: sql) }.compactMap { row in
            func text(_ column: String) -> String? {
                (row.read(column) as Data?).map { String(decoding: $0, as: UTF8.self) }
            }
            guard let id: String = row.read("id"), let path = text("path"), let type = text("type"),
                let kernel = text("kernel")
            else { return nil }
            return Session(id: id, path: path, name: text("name"), type: type, kernelID: kernel)
        }
    }
}
