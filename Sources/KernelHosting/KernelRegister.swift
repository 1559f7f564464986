import GRDB
import JupyterProtocol
import KeeperWire
import LeaseWire
import ServerDatabase

import struct Foundation.Data

/// The kernels of a state directory, for the server's next start.
struct KernelRegister {
    private static let schema: DatabaseSchema = {
        var schema = DatabaseSchema(tables: ["kernels", "executions"])
        schema.add("kernels") { database in
            try database.execute(
                sql: """
                    CREATE TABLE kernels (
                      id TEXT PRIMARY KEY, spec TEXT NOT NULL, path TEXT NOT NULL, environment TEXT NOT NULL,
                      generation INTEGER NOT NULL, base INTEGER NOT NULL, positions TEXT NOT NULL) STRICT
                    """)
        }
        schema.add("executions") { database in
            try database.execute(
                sql: """
                    CREATE TABLE executions (
                      kernel TEXT NOT NULL, id TEXT NOT NULL, key TEXT, request TEXT NOT NULL,
                      generation INTEGER NOT NULL, since INTEGER NOT NULL, result TEXT,
                      PRIMARY KEY (kernel, id), UNIQUE (kernel, key)) STRICT
                    """)
        }
        schema.add("leases and sizes") { database in
            try database.execute(sql: "ALTER TABLE kernels ADD COLUMN terms BLOB")
            try database.execute(sql: "ALTER TABLE executions ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
        }
        schema.add("phases") { database in
            let phase = KernelRecord.Phase.living.rawValue
            try database.execute(sql: "ALTER TABLE kernels ADD COLUMN phase INTEGER NOT NULL DEFAULT \(phase)")
        }
        schema.add("ends") { database in
            try database.execute(sql: "ALTER TABLE kernels ADD COLUMN session TEXT")
            try database.execute(sql: "ALTER TABLE kernels ADD COLUMN death BLOB")
        }
        return schema
    }()

    /// The connection, for the executions of each kernel.
    let queue: DatabaseQueue
    /// What was damaged when it was opened, a sentence each.
    let damage: [String]

    /// Opens or makes the register, and brings it to today's schema. What can be read of a damaged one goes into a new one.
    init(path: String) throws {
        let opened = try ServerDatabase(path: path, schema: KernelRegister.schema)
        queue = opened.queue
        damage = opened.findings.map(\.text)
        for name in opened.findings.compactMap(\.name) { salvage(name) }
    }

    /// Takes over from a damaged register what can be read of it, table by table and row by row.
    private func salvage(_ path: String) {
        var configuration = Configuration()
        configuration.readonly = true
        guard let damaged = try? DatabaseQueue(path: path, configuration: configuration) else { return }
        for table in ["kernels", "executions"] {
            let sql = "SELECT * FROM \(table) ORDER BY rowid"
            for row in (try? damaged.read { try Row.fetchAll($0, sql: sql) }) ?? [] {
                // Columns that an earlier version did not have are as the schema has them.
                let columns = row.columnNames.joined(separator: ", ")
                let places = databaseQuestionMarks(count: row.count)
                try? queue.write {
                    try $0.execute(
                        sql: "INSERT INTO \(table) (\(columns)) VALUES (\(places))",
                        arguments: StatementArguments(row.databaseValues))
                }
            }
        }
    }

    /// All kernels.
    func all() throws -> [KernelRecord] {
        try queue.read { try Row.fetchAll($0, sql: "SELECT * FROM kernels ORDER BY rowid") }.compactMap { row in
            guard let id: String = row.read("id"), let spec: String = row.read("spec"),
                let path: String = row.read("path"), let variables: String = row.read("environment"),
                let generation: Int64 = row.read("generation"), let base: Int64 = row.read("base"),
                let positions: String = row.read("positions")
            else { return nil }
            let environment = KernelRegister.members(variables).compactMapValues(\.stringValue)
            let terms: Data? = row.read("terms")
            let death: Data? = row.read("death")
            var record = KernelRecord(
                id: id,
                origin: KernelOrigin(
                    spec: spec, path: path, environment: environment,
                    terms: terms.flatMap { try? LeaseTerms(decoding: Array($0)) }),
                generation: UInt64(clamping: generation), base: UInt64(clamping: base),
                phase: (row.read("phase") as Int64?).flatMap(KernelRecord.Phase.init) ?? .living,
                positions: KernelRegister.members(positions).compactMapValues(\.integerValue).mapValues {
                    UInt64(clamping: $0)
                })
            record.session = row.read("session")
            if let death {
                var reader = WireReader(Array(death))
                record.death = try? Death(from: &reader)
            }
            return record
        }
    }

    /// Writes a kernel down, or what has changed of it.
    func keep(_ record: KernelRecord) throws {
        var death = WireWriter()
        record.death?.encode(into: &death)
        let arguments: StatementArguments = [
            record.id, record.origin.spec, record.origin.path,
            KernelRegister.text(record.origin.environment.mapValues { .string($0) }),
            Int64(clamping: record.generation), Int64(clamping: record.base),
            KernelRegister.text(record.positions.mapValues { .integer(Int64(clamping: $0)) }),
            record.origin.terms.map { Data($0.encoded) }, record.phase.rawValue,
            record.session, record.death.map { _ in Data(death.bytes) },
        ]
        try queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO kernels (id, spec, path, environment, generation, base, positions, terms, phase, session, death)
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                      spec = excluded.spec, path = excluded.path, environment = excluded.environment,
                      terms = excluded.terms, generation = excluded.generation, base = excluded.base,
                      positions = excluded.positions, phase = excluded.phase,
                      session = excluded.session, death = excluded.death
                    """, arguments: arguments)
        }
    }

    /// Notes that somebody has asked for a kernel's end.
    func noteEnding(_ id: String) throws {
        try queue.write { database in
            try database.execute(
                sql: "UPDATE kernels SET phase = ? WHERE id = ?", arguments: [KernelRecord.Phase.ending.rawValue, id])
        }
    }

    /// Forgets a kernel.
    func forget(_ id: String) throws {
        try queue.write { database in
            try database.execute(sql: "DELETE FROM kernels WHERE id = ?", arguments: [id])
            try database.execute(sql: "DELETE FROM executions WHERE kernel = ?", arguments: [id])
        }
    }

    private static func text(_ members: [String: JSONValue]) -> String {
        String(decoding: JSONValue.object(members).encoded(), as: UTF8.self)
    }

    private static func members(_ text: String) -> [String: JSONValue] {
        (try? JSONValue(parsing: Array(text.utf8)))?.objectValue ?? [:]
    }
}
