import LinuxKit

/// One entry of a kernel's journal.
///
/// On disk, little-endian, 8-byte aligned:
///
/// | offset | what |
/// |---|---|
/// | 0 | u32 length of the payload plus one; 0 means that nothing follows. Written last |
/// | 4 | u32 CRC-32C of what follows, the padding left out |
/// | 8 | u64 sequence: 1, 2, 3, … |
/// | 16 | i64 microseconds since 1970 |
/// | 24 | u64 frame |
/// | 32 | u64 request |
/// | 40 | u8 kind |
/// | 41 | u8 flags |
/// | 42 | six zeros |
/// | 48 | payload, then zeros up to a multiple of 8 |
public struct JournalRecord: Hashable, Sendable {
    /// Bytes before the payload.
    static let headerSize = 48
    /// Largest payload.
    public static let maximumPayload = 512 << 10

    /// Its number in the journal.
    public var sequence: UInt64
    /// Microseconds since 1970.
    public var time: Int64
    /// What it is; the writer's business.
    public var kind: UInt8
    /// More of the same.
    public var flags: UInt8
    /// The channel frame that it holds, 0 for none.
    public var frame: UInt64
    /// The request that it concerns, 0 for none.
    public var request: UInt64
    /// The bytes.
    public var payload: [UInt8]

    /// A record without content at a place in the journal, for what is said about the place.
    public static func mark(_ sequence: UInt64) -> JournalRecord {
        JournalRecord(
            sequence: sequence, time: WallClock.microseconds, kind: 0, flags: 0, frame: 0, request: 0, payload: [])
    }
}

/// What a cursor finds.
public enum JournalReading: Hashable, Sendable {
    /// The next record.
    case record(JournalRecord)
    /// Records between the cursor and `oldest` have been dropped; the cursor stands before `oldest` now.
    case truncated(oldest: UInt64)
    /// Nothing yet.
    case end
}

/// A reader's place in a journal.
public struct JournalCursor: Hashable, Sendable {
    /// The sequence of the last record that was read.
    public internal(set) var sequence: UInt64
    /// The number of the file that holds it.
    public internal(set) var segment: UInt64
    var offset: Int
}

/// Why a journal cannot be used.
public enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another server writes it.
    case inUse(String)
    /// It is of another version.
    case unreadable(String)
    /// One of its files is not as it was left.
    case damaged(String, reason: String)
    /// The disk has no room for it.
    case noSpace(String)
    /// A call failed.
    case system(String)

    /// A stable name for programs.
    public var code: String {
        switch self {
        case .inUse: "journal_in_use"
        case .unreadable: "journal_unreadable"
        case .damaged: "journal_damaged"
        case .noSpace: "journal_no_space"
        case .system: "journal_system"
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .inUse(let path): "the journal in \(path) is in use by another server"
        case .unreadable(let path): "the journal in \(path) is of another version"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .noSpace(let path): "there is no room on the disk for the journal in \(path)"
        case .system(let what): "the journal cannot be used: \(what)"
        }
    }
}
