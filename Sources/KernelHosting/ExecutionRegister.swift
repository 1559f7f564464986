import JupyterProtocol
import SQLiteDatabase

/// The executions of one kernel in the register of a state directory. For one thread.
///
/// An execution is written down before its request is submitted, and its result before anybody is told of it.
final class ExecutionRegister {
    /// What is known of an execution.
    struct Entry {
        let id: String
        let order: ExecutionOrder
        /// Which of the kernel's interpreters it was for.
        let generation: UInt64
        /// The last event of that interpreter before it.
        let since: UInt64
        /// Nil while it has not ended.
        let result: [String: JSONValue]?
    }

    /// How many executions a kernel knows, at least: their keys are good for as long.
    private static let kept = 16_384
    /// How many bytes of results are kept.
    private static let room = 256 << 20
    /// How many executions may end before what is too much is looked for.
    private static let interval = 64
    private static let expired: [String: JSONValue] = [
        "error": "The result is not kept any more.", "reason": "result_expired",
    ]
    private static let columns = "id, request, generation, since, result"

    private let database: Database
    private let kernel: String
    private var finished = 0

    init(path: String, kernel: String) throws(DatabaseError) {
        database = try Database(path: path, patience: 5000)
        self.kernel = kernel
        // What is written outlives the process; a power cut ends the kernels too.
        try database.run("PRAGMA synchronous = NORMAL")
    }

    func add(_ entry: Entry, key: String?) throws(DatabaseError) {
        try database.run(
            "INSERT INTO executions (kernel, id, key, request, generation, since) VALUES (?, ?, ?, ?, ?, ?)",
            [
                .text(kernel), .text(entry.id), key.map { .text($0) } ?? .null,
                ExecutionRegister.text(entry.order.json), .integer(Int64(clamping: entry.generation)),
                .integer(Int64(clamping: entry.since)),
            ])
    }

    func finish(_ id: String, _ result: [String: JSONValue]) throws(DatabaseError) {
        try keep(result, "id = ?", .text(id))
        finished += 1
        if finished % ExecutionRegister.interval == 0 { try tidy() }
    }

    /// Forgets the oldest executions, and before them what the oldest of the others have shown.
    private func tidy() throws(DatabaseError) {
        let rows = try database.run(
            "SELECT rowid, size FROM executions WHERE kernel = ? AND result IS NOT NULL ORDER BY rowid DESC",
            [.text(kernel)])
        let small = ExecutionRegister.bytes(ExecutionRegister.expired).count
        var total: Int64 = 0
        for (index, row) in rows.enumerated() {
            guard case .integer(let name) = row[0], case .integer(let size) = row[1] else { continue }
            total += size
            if index >= ExecutionRegister.kept {
                try database.run("DELETE FROM executions WHERE rowid = ?", [.integer(name)])
            } else if total > ExecutionRegister.room, size > small {
                try keep(ExecutionRegister.expired, "rowid = ?", .integer(name))
            }
        }
    }

    private func keep(
        _ result: [String: JSONValue], _ condition: String, _ name: Database.Value
    ) throws(DatabaseError) {
        let bytes = ExecutionRegister.bytes(result)
        try database.run(
            "UPDATE executions SET result = ?, size = ? WHERE kernel = ? AND \(condition)",
            [
                .text(String(decoding: bytes, as: UTF8.self)), .integer(Int64(bytes.count)), .text(kernel), name,
            ])
    }

    private static func bytes(_ result: [String: JSONValue]) -> [UInt8] { JSONValue.object(result).encoded() }

    func entry(_ id: String) throws(DatabaseError) -> Entry? { try entries("id = ?", [.text(id)]).first }

    func entry(key: String) throws(DatabaseError) -> Entry? { try entries("key = ?", [.text(key)]).first }

    /// Those that have not ended, the oldest first.
    func unfinished() throws(DatabaseError) -> [Entry] { try entries("result IS NULL", []) }

    private func entries(_ condition: String, _ values: [Database.Value]) throws(DatabaseError) -> [Entry] {
        try database.run(
            """
            SELECT \(ExecutionRegister.columns) FROM executions WHERE kernel = ? AND \(condition) ORDER BY rowid
            """, [.text(kernel)] + values
        ).compactMap { row in
            guard case .text(let id) = row[0], case .text(let request) = row[1],
                case .integer(let generation) = row[2], case .integer(let since) = row[3],
                let order = (try? JSONValue(parsing: Array(request.utf8))).flatMap({ ExecutionOrder($0) })
            else { return nil }
            var result: [String: JSONValue]?
            if case .text(let text) = row[4] { result = (try? JSONValue(parsing: Array(text.utf8)))?.objectValue }
            return Entry(
                id: id, order: order, generation: UInt64(clamping: generation), since: UInt64(clamping: since),
                result: result)
        }
    }

    private static func text(_ value: JSONValue) -> Database.Value {
        .text(String(decoding: value.encoded(), as: UTF8.self))
    }
}
