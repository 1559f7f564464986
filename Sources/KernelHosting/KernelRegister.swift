import Glibc
import JupyterProtocol
import LeaseWire
import SQLiteDatabase

/// The kernels of a state directory, for the server's next start. For one thread.
final class KernelRegister {
    /// The schema's number; a database with a higher one is a later Husk's.
    private static let version: Int64 = 3

    private let database: Database

    /// Opens or makes the register, and brings it to today's schema.
    init(path: String) throws {
        // It holds variables that clients have given to kernels, and SQLite would let everybody read it.
        close(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600))
        database = try Database(path: path, patience: 5000)
        try database.run("PRAGMA journal_mode = WAL")
        guard case .integer(let version)? = try database.run("PRAGMA user_version").first?.first else { return }
        guard version <= KernelRegister.version else { throw HostingError.laterRegister(path) }
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
                  kernel TEXT NOT NULL, id TEXT NOT NULL, key TEXT, request TEXT NOT NULL, generation INTEGER NOT NULL,
                  since INTEGER NOT NULL, result TEXT, PRIMARY KEY (kernel, id), UNIQUE (kernel, key)) STRICT
                """)
        }
        if version < 3 {
            try database.run("ALTER TABLE kernels ADD COLUMN terms BLOB")
            try database.run("ALTER TABLE executions ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
        }
        if version < KernelRegister.version { try database.run("PRAGMA user_version = \(KernelRegister.version)") }
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
