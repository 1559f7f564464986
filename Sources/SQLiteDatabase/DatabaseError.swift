/// Why a database cannot be used.
public struct DatabaseError: Error, CustomStringConvertible, Sendable {
    /// SQLite's result code (sqlite3(3), "Result Codes").
    public let code: Int32
    /// What SQLite said, with the file.
    public let description: String

    /// Another process writes at the moment; the same may succeed later.
    public var isBusy: Bool { code & 0xff == 5 }
}
