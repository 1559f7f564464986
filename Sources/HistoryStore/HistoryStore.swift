public import JupyterProtocol
public import SQLiteDatabase

/// What kernels were asked to run and what came out, in a database that they share and that outlives them.
///
/// The tables are IPython's (IPython.core.history), so that its tools can read the file. A kernel is one session, found
/// again by its name: remembering the same line twice is remembering it once. What is remembered is gathered until
/// ``flush()``. For one thread.
public final class HistoryStore {
    /// How many milliseconds a statement waits for another process; the caller has clients to answer.
    private static let patience: Int32 = 250

    private enum Memory {
        case input(line: Int, String)
        case output(line: Int, String)
    }

    private var path: String
    private let kernel: String
    private var opened: (database: Database, session: Int64)?
    private var gathered: [Memory] = []

    /// A history in a file, which is opened when it is first needed; `:memory:` keeps it in this object.
    ///
    /// - Parameters:
    ///   - path: the database; its folder must exist.
    ///   - kernel: a name that no other kernel has.
    public init(path: String, kernel: String) {
        self.path = path
        self.kernel = kernel
    }

    /// Remembers a cell.
    public func remember(line: Int, input: String) {
        gathered.append(.input(line: line, input))
    }

    /// Remembers the text of a cell's result.
    public func remember(line: Int, output: String) {
        gathered.append(.output(line: line, output))
    }

    /// Whether something waits for ``flush()``.
    public var isDirty: Bool { !gathered.isEmpty }

    /// Goes on in memory: the file is of no use.
    public func forgetFile() {
        path = ":memory:"
        opened = nil
    }

    /// Writes what was gathered. After an error it is still gathered.
    public func flush() throws(DatabaseError) {
        guard isDirty else { return }
        let (database, session) = try open()
        let gathered = gathered
        try database.transaction { () throws(DatabaseError) in
            for memory in gathered {
                switch memory {
                case .input(let line, let input):
                    try database.run(
                        "INSERT INTO history VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING",
                        [.integer(session), .integer(Int64(line)), .text(input)])
                case .output(let line, let output):
                    try database.run(
                        "INSERT INTO output_history VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET output = ?3",
                        [.integer(session), .integer(Int64(line)), .text(output)])
                }
            }
        }
        self.gathered = []
    }

    /// The `history` array of a reply (Jupyter messaging, "History").
    public func answer(_ request: HistoryRequest) throws(DatabaseError) -> JSONValue {
        try flush()
        let (database, session) = try open()
        let output = request.wantsOutput ? "output" : "NULL"
        let columns = "session, line, source_raw, \(output)"
        let joined = request.wantsOutput ? "history LEFT JOIN output_history USING (session, line)" : "history"
        let rows: [[Database.Value]]
        switch request.access {
        case .tail(let count):
            rows = try database.run(
                "SELECT \(columns) FROM \(joined) ORDER BY session DESC, line DESC LIMIT ?",
                [.integer(Int64(max(0, count)))]
            ).reversed()
        case .range(let wanted, let start, let stop):
            // 0 is this session, -1 the one before it.
            let number = wanted > 0 ? Int64(wanted) : session + Int64(wanted)
            // Who asks for the session 0 gets it under that name, as from IPython.
            let asked = wanted == 0 ? "0, line, source_raw, \(output)" : columns
            let end = try database.run("SELECT max(line) + 1 FROM history WHERE session = ?", [.integer(number)])
            guard case .integer(let last)? = end.first?.first else { return .array([]) }
            let from = start < 0 ? Int64(start) + last : Int64(start)
            let to = stop.map { $0 < 0 ? Int64($0) + last : Int64($0) } ?? last
            rows = try database.run(
                "SELECT \(asked) FROM \(joined) WHERE session = ? AND line >= ? AND line < ? ORDER BY line",
                [.integer(number), .integer(from), .integer(to)])
        case .search(let pattern, let count, let unique):
            // The newest of equal inputs stays: with max() the other columns are those of its row.
            let recent = unique ? ", max(session * 1000000 + line)" : ""
            rows = try database.run(
                "SELECT \(columns)\(recent) FROM \(joined) WHERE source_raw GLOB ? "
                    + "\(unique ? "GROUP BY source_raw " : "")ORDER BY session DESC, line DESC LIMIT ?",
                [.text(pattern), .integer(count.map { Int64(max(0, $0)) } ?? -1)]
            ).reversed()
        }
        return .array(rows.map { HistoryStore.entry($0, withOutput: request.wantsOutput) })
    }

    private static func entry(_ row: [Database.Value], withOutput: Bool) -> JSONValue {
        let values: [JSONValue] = row.prefix(4).map { value in
            switch value {
            case .integer(let number): .integer(number)
            case .text(let text): .string(text)
            case .real(let number): .number(number)
            case .blob, .null: .null
            }
        }
        return .array([values[0], values[1], withOutput ? .array([values[2], values[3]]) : values[2]])
    }

    private func open() throws(DatabaseError) -> (database: Database, session: Int64) {
        if let opened { return opened }
        let database = try Database(path: path, patience: HistoryStore.patience)
        // A reader and a writer do not wait for each other; what a crash of the machine may cost is the last cells.
        try database.run("PRAGMA journal_mode = WAL")
        try database.run("PRAGMA synchronous = NORMAL")
        var session: Int64 = 0
        try database.transaction { () throws(DatabaseError) in
            for table in HistoryStore.tables { try database.run(table) }
            let remark = Database.Value.text("husk \(kernel)")
            let known = try database.run("SELECT session FROM sessions WHERE remark = ?", [remark])
            if case .integer(let number)? = known.first?.first {
                session = number
                return
            }
            let made = try database.run(
                "INSERT INTO sessions VALUES (NULL, datetime('now', 'localtime'), NULL, NULL, ?) RETURNING session",
                [remark])
            if case .integer(let number)? = made.first?.first { session = number }
        }
        opened = (database, session)
        return (database, session)
    }

    private static let tables = [
        """
        CREATE TABLE IF NOT EXISTS sessions (session integer primary key autoincrement, start timestamp, \
        end timestamp, num_cmds integer, remark text)
        """,
        """
        CREATE TABLE IF NOT EXISTS history (session integer, line integer, source text, source_raw text, \
        PRIMARY KEY (session, line))
        """,
        """
        CREATE TABLE IF NOT EXISTS output_history (session integer, line integer, output text, \
        PRIMARY KEY (session, line))
        """,
        "CREATE INDEX IF NOT EXISTS sessions_by_remark ON sessions (remark)",
    ]
}
