import EventJournal
import InterpreterChannel

/// Reads a kernel's journal as what clients are to be told, from a place that is its own.
struct EventReader {
    /// What a client is to be told.
    enum Event {
        case text(ChannelFrame.Kind, bytes: [UInt8])
        case broadcast(type: String, content: [UInt8], metadata: [UInt8], buffers: [[UInt8]])
        case reply(ChannelMessage)
        case question(ChannelMessage)
        /// So many records had been dropped when the reader came to them.
        case truncated(UInt64)
    }

    private let journal: Journal
    private(set) var cursor: JournalCursor
    private var frames = MessageAssembler()
    private var entry = EntryAssembler()
    /// The last record that was read.
    private var known: UInt64
    /// What cells have used whose replies are about to come.
    private var usage: [UInt64: [UInt8]] = [:]

    /// Reads what follows a sequence number.
    init(_ journal: Journal, after sequence: UInt64) {
        self.journal = journal
        known = min(sequence, journal.lastSequence)
        cursor = journal.cursor(after: known)
    }

    /// Whether a new reader that starts here misses no part of a message.
    var isBetweenMessages: Bool { frames.isEmpty && entry.isEmpty }

    /// The file of the journal that is read next.
    var segment: UInt64 { cursor.segment }

    /// Bytes of journal that have not been read.
    var bytesBehind: Int { journal.bytesBehind(cursor) }

    /// The next event, and the record that it ends with; nil at the journal's end.
    mutating func next() -> (event: Event, record: JournalRecord)? {
        while true {
            switch journal.next(&cursor) {
            case .end: return nil
            case .truncated(let oldest):
                // What was dropped may have been the middle of a message.
                frames = MessageAssembler()
                entry = EntryAssembler()
                defer { known = oldest - 1 }
                // The first records of all are of interest to nobody who starts later.
                guard oldest - 1 > known else { continue }
                return (.truncated(oldest - 1 - known), JournalRecord.mark(oldest - 1))
            case .record(let record):
                known = record.sequence
                if let event = take(record) { return (event, record) }
            }
        }
    }

    private mutating func take(_ record: JournalRecord) -> Event? {
        switch JournalEntry.Kind(rawValue: record.kind) {
        case .frame:
            guard let frame = JournalEntry.frame(record) else {
                frames = MessageAssembler()
                return nil
            }
            guard let output = try? frames.add(frame) else { return nil }
            return event(output)
        case .publish, .leftover:
            guard let bytes = entry.add(record), let event = JournalEntry.decodeOutput(bytes) else { return nil }
            return .broadcast(type: event.type, content: event.content, metadata: Array("{}".utf8), buffers: [])
        case .reply:
            // The interpreter's replies are frames: both kinds go out in the order of the journal.
            guard let bytes = entry.add(record), let reply = JournalEntry.decodeOutput(bytes) else { return nil }
            return .reply(ChannelMessage(type: reply.type, content: reply.content))
        case .usage:
            if let bytes = entry.add(record) { usage[record.request] = bytes }
            return nil
        case .request, .stdin, .death, .snapshot:
            _ = entry.add(record)
            return nil
        case nil: return nil
        }
    }

    private mutating func event(_ output: MessageAssembler.Output) -> Event? {
        switch output {
        case .text(let kind, _, let bytes): return .text(kind, bytes: bytes)
        case .message(let request, var said):
            switch EventRules.destination(of: said.type) {
            case .broadcast:
                return .broadcast(
                    type: said.type, content: said.content, metadata: said.metadata, buffers: said.buffers)
            case .reply:
                if said.type == "execute_reply", let used = usage.removeValue(forKey: request) {
                    said.metadata = EventRules.metadata(said.metadata, with: used)
                }
                return .reply(said)
            case .input: return .question(said)
            case .nowhere, nil: return nil
            }
        }
    }
}
