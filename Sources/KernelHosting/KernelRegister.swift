import Glibc
import JupyterProtocol
import LeaseWire
import SQLiteDatabase

/// The kernels of a state directory, for the server's next start. For one thread.
final class KernelRegister {
    /// The schema's number; a database with a higher one is a later Husk's.
    private static let version: Int64 = 3

    private let database: Database
    /// What was damaged when it was opened, a sentence each.
    let damage: [String]

    /// Opens or makes the register, and brings it to today's schema. What can be read of a damaged one goes into a new one.
    init(path: String) throws {
        var findings = [try DatabaseCheck.run(path)].compactMap { $0 }
        do {
            if try !KernelRegister.isRegister(path) {
                findings.append(try DatabaseCheck.setAside(path, reason: "it is the database of another program"))
            }
            database = try KernelRegister.open(path)
            try KernelRegister.migrate(database)
        } catch let error as DatabaseError {
            throw HostingError.unusable(path, error)
        }
        damage = findings.map(\.text)
        for name in findings.compactMap(\.name) { salvage(name) }
    }

    private static func open(_ path: String) throws(DatabaseError) -> Database {
        // It holds variables that clients have given to kernels, and SQLite would let everybody read it.
        close(Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600))
        let database = try Database(path: path, patience: 5000)
        guard !database.isReadOnly else { throw DatabaseError(code: 8, description: "it is read-only") }
        return database
    }

    /// Whether a database is new, or has the tables of its version.
    private static func isRegister(_ path: String) throws -> Bool {
        let database = try open(path)
        let version = try version(of: database)
        guard version <= KernelRegister.version else { throw HostingError.laterRegister(path) }
        let tables = try database.run("SELECT name FROM sqlite_schema WHERE type = 'table'").flatMap { $0 }
        let wanted = ["kernels", "executions"].prefix(Int(clamping: version)).map { Database.Value.text($0) }
        return version == 0 ? tables.isEmpty : Set(wanted).isSubset(of: tables)
    }

    private static func version(of database: Database) throws(DatabaseError) -> Int64 {
        guard case .integer(let version)? = try database.run("PRAGMA user_version").first?.first else { return 0 }
        return max(0, version)
    }

    private static func migrate(_ database: Database) throws(DatabaseError) {
        try database.run("PRAGMA journal_mode = WAL")
        let version = try version(of: database)
        guard version < KernelRegister.version else { return }
        try database.transaction { () throws(DatabaseError) in
            if version == 0 {
                try database.run(
                    """
                    CREATE TABLE kernels (
                      id TEXT PRIMARY KEY, spec TEXT NOT NULL, path TEXT NOT NULL, environment TEXT NOT NULL,
                      generation INTEGER NOT NULL, base INTEGER NOT NULL, positions TEXT NOT NULL) STRICT
                    """)
            }
            if version < 2 {
                try database.run(
                    """
                    CREATE TABLE executions (
                      kernel TEXT NOT NULL, id TEXT NOT NULL, key TEXT, request TEXT NOT NULL,
                      generation INTEGER NOT NULL, since INTEGER NOT NULL, result TEXT,
                      PRIMARY KEY (kernel, id), UNIQUE (kernel, key)) STRICT
                    """)
            }
            if version < 3 {
                try database.run("ALTER TABLE kernels ADD COLUMN terms BLOB")
                try database.run("ALTER TABLE executions ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
            }
            try database.run("PRAGMA user_version = \(KernelRegister.version)")
        }
    }

    /// Takes over from a damaged register what can be read of it, table by table and kernel by kernel.
    private func salvage(_ path: String) {
        guard let damaged = try? Database(path: path, patience: 5000, isReadOnly: true) else { return }
        let kernels = (try? damaged.run("SELECT * FROM kernels ORDER BY rowid")) ?? []
        for kernel in kernels where kernel.count >= 7 {
            // Columns that an earlier version did not have are empty.
            let row = kernel.count > 7 ? kernel : kernel + [.null]
            _ = try? database.run("INSERT INTO kernels VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            let executions = try? damaged.run("SELECT * FROM executions WHERE kernel = ? ORDER BY rowid", [kernel[0]])
            for execution in executions ?? [] where execution.count >= 7 {
                let row = execution.count > 7 ? execution : execution + [.integer(0)]
                _ = try? database.run("INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            }
        }
    }

    /// All kernels.
    func all() throws(DatabaseError) -> [KernelRecord] {
        try database.run(
            "SELECT id, spec, path, environment, generation, base, positions, terms FROM kernels ORDER BY rowid"
        )
        .compactMap {
            guard case .text(let id) = $0[0], case .text(let spec) = $0[1], case .text(let path) = $0[2],
                case .text(let variables) = $0[3], case .integer(let generation) = $0[4],
                case .integer(let base) = $0[5], case .text(let positions) = $0[6]
            else { return nil }
            let environment = KernelRegister.members(variables).compactMapValues(\.stringValue)
            var terms: LeaseTerms?
            if case .blob(let bytes) = $0[7] { terms = try? LeaseTerms(decoding: bytes) }
            return KernelRecord(
                id: id, origin: KernelOrigin(spec: spec, path: path, environment: environment, terms: terms),
                generation: UInt64(clamping: generation), base: UInt64(clamping: base),
                positions: KernelRegister.members(positions).compactMapValues(\.integerValue).mapValues {
                    UInt64(clamping: $0)
                })
        }
    }

    /// Writes a kernel down, or what has changed of it.
    func keep(_ record: KernelRecord) throws(DatabaseError) {
        try database.run(
            """
            INSERT INTO kernels VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
              spec = excluded.spec, path = excluded.path, environment = excluded.environment, terms = excluded.terms,
              generation = excluded.generation, base = excluded.base, positions = excluded.positions
            """,
            [
                .text(record.id), .text(record.origin.spec), .text(record.origin.path),
                KernelRegister.text(record.origin.environment.mapValues { .string($0) }),
                .integer(Int64(clamping: record.generation)), .integer(Int64(clamping: record.base)),
                KernelRegister.text(record.positions.mapValues { .integer(Int64(clamping: $0)) }),
                record.origin.terms.map { .blob($0.encoded) } ?? .null,
            ])
    }

    /// Forgets a kernel.
    func forget(_ id: String) throws(DatabaseError) {
        try database.run("DELETE FROM kernels WHERE id = ?", [.text(id)])
        try database.run("DELETE FROM executions WHERE kernel = ?", [.text(id)])
    }

    private static func text(_ members: [String: JSONValue]) -> Database.Value {
        .text(String(decoding: JSONValue.object(members).encoded(), as: UTF8.self))
    }

    private static func members(_ text: String) -> [String: JSONValue] {
        (try? JSONValue(parsing: Array(text.utf8)))?.objectValue ?? [:]
    }
}
