public import GRDB
import Glibc

/// A database of a server's state directory: looked at for damage, and brought to today's schema.
public struct ServerDatabase: Sendable {
    /// The connection, which serves one caller at a time.
    public let queue: DatabaseQueue
    /// What was damaged when it was opened.
    public let findings: [DatabaseCheck.Finding]

    /// Opens or makes the database of a path. One that is damaged, or another program's, gets another name.
    ///
    /// Throws ``ServerDatabaseError`` for one that a later version has written, or that cannot be written.
    public init(path: String, schema: DatabaseSchema) throws {
        var findings = [try DatabaseCheck.run(path)].compactMap { $0 }
        do {
            let other = "it is the database of another program"
            if try !ServerDatabase.isOwn(path, schema) {
                findings.append(try DatabaseCheck.setAside(path, reason: other))
            }
            var queue = try ServerDatabase.open(path)
            if try !ServerDatabase.migrate(queue, schema) {
                try queue.close()
                findings.append(try DatabaseCheck.setAside(path, reason: other))
                queue = try ServerDatabase.open(path)
                _ = try ServerDatabase.migrate(queue, schema)
            }
            self.queue = queue
        } catch let error as DatabaseError {
            throw ServerDatabaseError(path, error)
        }
        self.findings = findings
    }

    /// Returns whether the database is whole.
    private static func migrate(_ queue: DatabaseQueue, _ schema: DatabaseSchema) throws -> Bool {
        try schema.migrator.migrate(queue)
        return try queue.read(schema.isWhole)
    }

    /// Whether a database is new or of the schema. Nothing is written to it; journal modes are kept in the file.
    private static func isOwn(_ path: String, _ schema: DatabaseSchema) throws -> Bool {
        make(path)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        if try queue.read(schema.isSuperseded) { throw ServerDatabaseError.later(path) }
        return try queue.read(schema.isOwn)
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        make(path)
        var configuration = configuration
        // A reader and a writer do not wait for each other; a power cut may cost the last changes, and ends the kernels.
        configuration.journalMode = .wal
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // SQLite opens what it may not write without a word.
        try queue.inTransaction(.immediate) { _ in .rollback }
        return queue
    }

    /// Makes the file where there is none: its user's alone, where SQLite would let everybody read it.
    private static func make(_ path: String) {
        close(Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600))
    }

    /// How all databases of a server are opened.
    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        return configuration
    }
}

extension Row {
    /// What a column holds; nil where that is nothing, or of another type.
    public func read<Value: DatabaseValueConvertible>(_ column: String) -> Value? {
        Value.fromDatabaseValue(self[column])
    }
}
