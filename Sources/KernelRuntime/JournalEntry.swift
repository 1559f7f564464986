import EventJournal
import InterpreterChannel
import KeeperWire

/// What the records of a kernel's journal mean.
///
/// Inputs are written before they are handled, outputs before they are sent.
enum JournalEntry {
    /// Numbers in the record's `kind`.
    enum Kind: UInt8 {
        /// Input: a client's request.
        case request = 1
        /// Input: a frame of the channel, byte for byte; `flags` is its kind, with bit 7 for more fragments.
        case frame = 2
        /// Output: an event that the server made.
        case publish = 3
        /// Output: a reply that the server made.
        case reply = 4
        /// Input: a line that was asked for.
        case stdin = 5
        /// Input: the interpreter's death.
        case death = 6
        /// The machine's whole state, so that the records before it may be dropped.
        case snapshot = 7
        /// Output beside the machine: what a dead interpreter left in its pipes.
        case leftover = 8
        /// What a cell has used: a JSON object, written before the reply of which it becomes a part.
        case usage = 9
    }

    /// Bit 0 of `flags`: the entry goes on in the next record.
    static let more: UInt8 = 1

    /// The kind of a frame that was read and is kept from everybody: a lie, or more than a cell may show. Its number
    /// stands for it, and it ends whatever message it was a part of.
    static let dropped: UInt8 = 0

    /// What an output record holds.
    static func encode(type: String, content: [UInt8]) -> [UInt8] {
        var writer = WireWriter()
        writer.append(type)
        writer.append(blob: content)
        return writer.bytes
    }

    static func decodeOutput(_ bytes: [UInt8]) -> (type: String, content: [UInt8])? {
        var reader = WireReader(bytes)
        guard let type = try? reader.string(), let content = try? reader.blob() else { return nil }
        return (type, content)
    }

    static func frame(_ record: JournalRecord) -> ChannelFrame? {
        guard let kind = ChannelFrame.Kind(rawValue: record.flags & 0x7f) else { return nil }
        return ChannelFrame(
            kind: kind, hasMoreFragments: record.flags & 0x80 != 0, number: record.frame, request: record.request,
            payload: record.payload)
    }

    static func flags(_ frame: ChannelFrame) -> UInt8 {
        frame.kind.rawValue | (frame.hasMoreFragments ? 0x80 : 0)
    }
}

/// Puts entries together that were too long for one record.
struct EntryAssembler {
    private var partial: [UInt8] = []

    var isEmpty: Bool { partial.isEmpty }

    /// The whole entry, once its last record has come.
    mutating func add(_ record: JournalRecord) -> [UInt8]? {
        if partial.isEmpty, record.flags & JournalEntry.more == 0 { return record.payload }
        partial.append(contentsOf: record.payload)
        if record.flags & JournalEntry.more != 0 { return nil }
        defer { partial = [] }
        return partial
    }
}

extension Journal {
    /// Appends an entry of any length.
    @discardableResult
    func write(_ kind: JournalEntry.Kind, request: UInt64 = 0, _ bytes: [UInt8]) throws(JournalError) -> UInt64 {
        var rest = bytes[...]
        while rest.count > JournalRecord.maximumPayload {
            try append(
                kind: kind.rawValue, flags: JournalEntry.more, request: request,
                payload: Array(rest.prefix(JournalRecord.maximumPayload)))
            rest = rest.dropFirst(JournalRecord.maximumPayload)
        }
        return try append(kind: kind.rawValue, request: request, payload: Array(rest))
    }
}
