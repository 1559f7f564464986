/// Why a database cannot be used.
public struct DatabaseError: Error, CustomStringConvertible, Sendable {
    /// SQLite's result code (sqlite3(3), "Result Codes").
    public let code: Int32
    /// What SQLite said, with the file.
    public let description: String

    /// Describes what is wrong.
    public init(code: Int32, description: String) {
        self.code = code
        self.description = description
    }

    /// Another process writes at the moment; the same may succeed later.
    public var isBusy: Bool { code & 0xff == 5 }

    /// The file is no database, or not as SQLite has left it.
    public var isDamage: Bool { [11, 26].contains(code & 0xff) }

    /// What to do about it, a sentence; nil where nobody but its author knows.
    public var advice: String? {
        switch code & 0xff {
        case 13: "Free some room on the disk."
        case 3, 8, 14: "See to it that this user may write to the file and its folder."
        case 10: "See whether the disk is full, or broken."
        default: nil
        }
    }
}
