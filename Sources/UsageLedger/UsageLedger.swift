public import SQLiteDatabase

/// What sandboxes have used, in a database that outlives servers; one row a sandbox. For one thread.
///
/// Rows hold totals that only grow, so that writing one twice, or by a server that came back, counts it once.
public final class UsageLedger {
    private let path: String
    private var opened: Database?

    /// A ledger in a file, which is opened when it is first needed; its folder must exist.
    public init(path: String) {
        self.path = path
    }

    /// Writes the totals of a sandbox, where they have grown. What a kernel reads, writes and runs is its own, and is
    /// added up with that of the other kernels in the sandbox.
    public func record(_ usage: SandboxUsage, kernel: String) throws(DatabaseError) {
        let database = try open()
        try database.transaction { () throws(DatabaseError) in
            try database.run(
                """
                INSERT INTO sandboxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (sandbox) DO UPDATE SET
                  updated = max(updated, excluded.updated), cpu_user = max(cpu_user, excluded.cpu_user),
                  cpu_system = max(cpu_system, excluded.cpu_system),
                  memory_peak = max(memory_peak, excluded.memory_peak),
                  memory_byte_seconds = max(memory_byte_seconds, excluded.memory_byte_seconds),
                  disk_byte_seconds = max(disk_byte_seconds, excluded.disk_byte_seconds)
                """,
                [
                    .text(usage.sandbox), .text(usage.name), .text(usage.owner), .real(usage.began),
                    .real(usage.updated), .real(usage.cpuUser), .real(usage.cpuSystem), .integer(usage.memoryPeak),
                    .real(usage.memoryByteSeconds), .real(usage.diskByteSeconds),
                ])
            try database.run(
                """
                INSERT INTO kernels VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (sandbox, kernel) DO UPDATE SET
                  bytes_read = max(bytes_read, excluded.bytes_read),
                  bytes_written = max(bytes_written, excluded.bytes_written), cells = max(cells, excluded.cells)
                """,
                [
                    .text(usage.sandbox), .text(kernel), .integer(usage.bytesRead), .integer(usage.bytesWritten),
                    .integer(usage.cells),
                ])
        }
    }

    /// What is known of a sandbox as one of its kernels has it; nil when nothing is.
    public func usage(of sandbox: String, kernel: String) throws(DatabaseError) -> SandboxUsage? {
        try rows("WHERE sandbox = ? AND kernel = ?", [.text(sandbox), .text(kernel)]).first
    }

    /// All sandboxes, the latest first.
    public func all() throws(DatabaseError) -> [SandboxUsage] {
        try rows("")
    }

    private func rows(_ condition: String, _ parameters: [Database.Value] = []) throws(DatabaseError) -> [SandboxUsage]
    {
        try open().run(
            """
            SELECT sandboxes.*, sum(bytes_read), sum(bytes_written), sum(cells) FROM sandboxes
            JOIN kernels USING (sandbox) \(condition) GROUP BY sandbox ORDER BY began DESC
            """, parameters
        ).map(UsageLedger.usage)
    }

    private func open() throws(DatabaseError) -> Database {
        if let opened { return opened }
        let database = try Database(path: path, patience: 250)
        // A power cut may cost the last seconds; a crash of a process costs nothing.
        try database.run("PRAGMA journal_mode = WAL")
        try database.run("PRAGMA synchronous = NORMAL")
        try database.run(
            """
            CREATE TABLE IF NOT EXISTS sandboxes (
              sandbox TEXT PRIMARY KEY, name TEXT, owner TEXT, began REAL, updated REAL, cpu_user REAL,
              cpu_system REAL, memory_peak INTEGER, memory_byte_seconds REAL, disk_byte_seconds REAL)
            """)
        try database.run(
            """
            CREATE TABLE IF NOT EXISTS kernels (
              sandbox TEXT, kernel TEXT, bytes_read INTEGER, bytes_written INTEGER, cells INTEGER,
              PRIMARY KEY (sandbox, kernel))
            """)
        opened = database
        return database
    }

    private static func usage(_ row: [Database.Value]) -> SandboxUsage {
        func text(_ index: Int) -> String { if case .text(let value) = row[index] { value } else { "" } }
        func number(_ index: Int) -> Double {
            switch row[index] {
            case .real(let value): value
            case .integer(let value): Double(value)
            case .text, .blob, .null: 0
            }
        }
        func integer(_ index: Int) -> Int64 { if case .integer(let value) = row[index] { value } else { 0 } }
        var usage = SandboxUsage(sandbox: text(0), name: text(1), owner: text(2), began: number(3))
        usage.updated = number(4)
        usage.cpuUser = number(5)
        usage.cpuSystem = number(6)
        usage.memoryPeak = integer(7)
        usage.memoryByteSeconds = number(8)
        usage.diskByteSeconds = number(9)
        usage.bytesRead = integer(10)
        usage.bytesWritten = integer(11)
        usage.cells = integer(12)
        return usage
    }
}
