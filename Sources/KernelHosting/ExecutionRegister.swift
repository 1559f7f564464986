import GRDB
import JupyterProtocol
import ServerDatabase

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

    private let queue: DatabaseQueue
    private let kernel: String
    private var finished = 0

    init(_ queue: DatabaseQueue, kernel: String) {
        self.queue = queue
        self.kernel = kernel
    }

    func add(_ entry: Entry, key: String?) throws {
        let arguments: StatementArguments = [
            kernel, entry.id, key, String(decoding: entry.order.json.encoded(), as: UTF8.self),
            Int64(clamping: entry.generation), Int64(clamping: entry.since),
        ]
        try queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO executions (kernel, id, key, request, generation, since) VALUES (?, ?, ?, ?, ?, ?)
                    """, arguments: arguments)
        }
    }

    func finish(_ id: String, _ result: [String: JSONValue]) throws {
        let bytes = ExecutionRegister.bytes(result)
        let kernel = kernel
        try queue.write { database in
            try database.execute(
                sql: "UPDATE executions SET result = ?, size = ? WHERE kernel = ? AND id = ?",
                arguments: [String(decoding: bytes, as: UTF8.self), bytes.count, kernel, id])
        }
        finished += 1
        if finished % ExecutionRegister.interval == 0 { try tidy() }
    }

    /// Forgets the oldest executions, and before them what the oldest of the others have shown.
    private func tidy() throws {
        let kernel = kernel
        let expired = ExecutionRegister.bytes(ExecutionRegister.expired)
        try queue.write { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT rowid AS name, size FROM executions WHERE kernel = ? AND result IS NOT NULL
                      ORDER BY rowid DESC
                    """, arguments: [kernel])
            var total: Int64 = 0
            for (index, row) in rows.enumerated() {
                guard let name: Int64 = row.read("name"), let size: Int64 = row.read("size") else { continue }
                total += size
                if index >= ExecutionRegister.kept {
                    try database.execute(sql: "DELETE FROM executions WHERE rowid = ?", arguments: [name])
                } else if total > ExecutionRegister.room, size > expired.count {
                    try database.execute(
                        sql: "UPDATE executions SET result = ?, size = ? WHERE rowid = ?",
                        arguments: [String(decoding: expired, as: UTF8.self), expired.count, name])
                }
            }
        }
    }

    private static func bytes(_ result: [String: JSONValue]) -> [UInt8] { JSONValue.object(result).encoded() }

    func entry(_ id: String) throws -> Entry? { try entries("id = ?", id).first }

    func entry(key: String) throws -> Entry? { try entries("key = ?", key).first }

    /// Those that have not ended, the oldest first.
    func unfinished() throws -> [Entry] { try entries("result IS NULL") }

    private func entries(_ condition: String, _ value: String? = nil) throws -> [Entry] {
        let arguments = StatementArguments([kernel] + [value].compactMap { $0 })
        return try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, request, generation, since, result FROM executions
                      WHERE kernel = ? AND \(condition) ORDER BY rowid
                    """, arguments: arguments)
        }.compactMap { row in
            guard let id: String = row.read("id"), let request: String = row.read("request"),
                let generation: Int64 = row.read("generation"), let since: Int64 = row.read("since"),
                let order = (try? JSONValue(parsing: Array(request.utf8))).flatMap({ ExecutionOrder($0) })
            else { return nil }
            let result: String? = row.read("result")
            return Entry(
                id: id, order: order, generation: UInt64(clamping: generation), since: UInt64(clamping: since),
                result: result.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.objectValue)
        }
    }
}
