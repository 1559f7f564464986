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
    }

    private let journal: Journal
    private(set) var cursor: JournalCursor
    private var frames = MessageAssembler()
    private var entry = EntryAssembler()
    /// What cells have used whose replies are about to come.
    private var usage: [UInt64: [UInt8]] = [:]

    /// Reads what follows a sequence number.
    init(_ journal: Journal, after sequence: UInt64) {
        self.journal = journal
        cursor = journal.cursor(after: min(sequence, journal.lastSequence))
    }

    /// Whether a new reader that starts here misses no part of a message.
    var isBetweenMessages: Bool { frames.isEmpty && entry.isEmpty }

    /// Bytes of journal that have not been read.
    var bytesBehind: Int { journal.bytesBehind(cursor) }

    /// The next event, and the record that it ends with; nil at the journal's end.
    mutating func next() -> (event: Event, record: JournalRecord)? {
        while true {
            switch journal.next(&cursor) {
            case .end: return nil
            case .truncated:
                // What was dropped may have been the middle of a message.
                frames = MessageAssembler()
                entry = EntryAssembler()
            case .record(let record): if let event = take(record) { return (event, record) }
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
