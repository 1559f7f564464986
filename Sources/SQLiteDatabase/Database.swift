import CSQLite

/// A connection to an SQLite database, for one thread.
public final class Database {
    /// A value of a row or a parameter.
    public enum Value: Hashable, Sendable {
        /// A 64-bit integer.
        case integer(Int64)
        /// A floating-point number.
        case real(Double)
        /// A text.
        case text(String)
        /// Bytes.
        case blob([UInt8])
        /// NULL.
        case null
    }

    private let handle: OpaquePointer
    private let path: String
    private var prepared: [String: OpaquePointer] = [:]

    /// Opens or makes the file; `:memory:` is a database of this connection's own.
    ///
    /// - Parameters:
    ///   - patience: how many milliseconds a statement waits for other processes.
    ///   - isReadOnly: whether it is left as it is; it must be there then.
    public init(path: String, patience: Int32, isReadOnly: Bool = false) throws(DatabaseError) {
        self.path = path
        var opened: OpaquePointer?
        let access = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nil)
        guard let opened, code == SQLITE_OK else {
            let reason = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw DatabaseError(code: code, description: "\(path): \(reason)")
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, patience)
    }

    deinit {
        for statement in prepared.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    /// Runs a statement, with its parameters in order. Returns the rows.
    @discardableResult
    public func run(_ sql: String, _ parameters: [Value] = []) throws(DatabaseError) -> [[Value]] {
        let statement = try prepare(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, parameter) in parameters.enumerated() { try bind(parameter, Int32(index + 1), statement) }
        var rows: [[Value]] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append((0..<sqlite3_column_count(statement)).map { column($0, statement) })
            case SQLITE_DONE: return rows
            case let code: throw error(code)
            }
        }
    }

    /// Whether nothing can be written, although nobody has asked for that (SQLite falls back to it by itself).
    public var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

    /// Looks at every page. Throws an error that is damage for the first thing that does not belong where it stands.
    public func check() throws(DatabaseError) {
        guard case .text(let found)? = try run("PRAGMA quick_check(1)").first?.first, found != "ok" else { return }
        throw DatabaseError(code: SQLITE_CORRUPT, description: "\(path): \(found.split(separator: "\n").last ?? "")")
    }

    /// Does several things as one; an error undoes them all.
    public func transaction(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
        try run("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            try body()
            try run("COMMIT")
        } catch {
            _ = try? run("ROLLBACK")
            throw error
        }
    }

    private func prepare(_ sql: String) throws(DatabaseError) -> OpaquePointer {
        if let statement = prepared[sql] { return statement }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code) }
        prepared[sql] = statement
        return statement
    }

    private func bind(_ value: Value, _ index: Int32, _ statement: OpaquePointer) throws(DatabaseError) {
        let code: Int32
        switch value {
        case .integer(let number): code = sqlite3_bind_int64(statement, index, number)
        case .real(let number): code = sqlite3_bind_double(statement, index, number)
        case .text(let text):
            var text = text
            // SQLITE_TRANSIENT: SQLite copies the text before the call returns.
            let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            code = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    sqlite3_bind_text64(
                        statement, index, characters.baseAddress, UInt64(characters.count), transient,
                        UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            code = sqlite3_bind_blob64(statement, index, bytes, UInt64(bytes.count), transient)
        case .null: code = sqlite3_bind_null(statement, index)
        }
        if code != SQLITE_OK { throw error(code) }
    }

    private func column(_ index: Int32, _ statement: OpaquePointer) -> Value {
        switch sqlite3_column_type(statement, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, index))
        case SQLITE_NULL: return .null
        case SQLITE_BLOB:
            let count = Int(sqlite3_column_bytes(statement, index))
            guard let bytes = sqlite3_column_blob(statement, index) else { return .blob([]) }
            return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        default:
            guard let text = sqlite3_column_text(statement, index) else { return .null }
            let count = Int(sqlite3_column_bytes(statement, index))
            return .text(String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self))
        }
    }

    private func error(_ code: Int32) -> DatabaseError {
        DatabaseError(code: code, description: "\(path): \(String(cString: sqlite3_errmsg(handle)))")
    }
}
