import DequeModule
import EventJournal
import Glibc
import InterpreterChannel
import LinuxKit

/// Reads a kernel's journal from a cursor and hands every event to the front, in order and once.
///
/// Live delivery and what follows a restart of the server are the same read. The cursor stands in a file of its
/// own, so that a new server goes on where the last one was.
final class Publisher {
    /// Bytes of text up to which a message is worth waiting for more.
    private static let small = ChannelLayout.maximumPayload / 2

    private let journal: Journal
    private let cursorFile: OwnedDescriptor
    private(set) var cursor: JournalCursor
    private var frames = MessageAssembler()
    private var entry = EntryAssembler()
    /// What the front had no room for.
    private var pending: Deque<OutgoingMessage> = []
    private var text: WaitingText?
    private var budget = MessageBudget(now: .now)
    private var hasMoved = false

    /// Text of one stream and request, which becomes one message with what follows it at once, or soon when there
    /// is much of it: a client would otherwise be far behind a cell that flushes each line.
    private struct WaitingText {
        var message: OutgoingMessage
        let kind: ChannelFrame.Kind
        let request: UInt64
        var bytes: [UInt8]
    }

    /// Goes on after the sequence in `cursorPath`, or starts at the beginning.
    init(_ journal: Journal, cursorPath: String) throws(SystemError) {
        self.journal = journal
        cursorFile = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "open", open(cursorPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), on: cursorPath))
        var sequence: UInt64 = 0
        if pread(cursorFile.number, &sequence, 8, 0) != 8 { sequence = 0 }
        cursor = journal.cursor(after: min(sequence, journal.lastSequence))
    }

    /// Whether everything has been delivered.
    var isDone: Bool { pending.isEmpty && text == nil && journal.bytesBehind(cursor) == 0 }

    /// Delivers what there is, until the front has no room. Returns whether anything was delivered.
    func run(to front: any KernelFront, request: (UInt64) -> ClientRequest?) -> Bool {
        var hasDelivered = false
        while let message = pending.first {
            guard front.publish(message) else { return hasDelivered }
            pending.removeFirst()
            hasDelivered = true
        }
        while pending.isEmpty, case .record(let record) = nextRecord() {
            hasDelivered = true
            hasMoved = true
            deliver(record, to: front, request)
        }
        if let text, text.bytes.count > Publisher.small || budget.take(now: .now) { publishText(to: front) }
        savePosition()
        return hasDelivered
    }

    private func nextRecord() -> JournalReading {
        while true {
            let reading = journal.next(&cursor)
            guard case .truncated = reading else { return reading }
            // What was dropped may have been the middle of a message.
            frames = MessageAssembler()
            entry = EntryAssembler()
        }
    }

    private func deliver(_ record: JournalRecord, to front: any KernelFront, _ request: (UInt64) -> ClientRequest?) {
        switch JournalEntry.Kind(rawValue: record.kind) {
        case .frame:
            guard let frame = JournalEntry.frame(record), let output = try? frames.add(frame) else { return }
            deliver(output, record, to: front, request)
        case .publish, .leftover:
            guard let bytes = entry.add(record), let event = JournalEntry.decodeOutput(bytes) else { return }
            publishText(to: front)
            publish(message(record, request, type: event.type, content: event.content), to: front)
        case .request, .stdin, .death, .snapshot, .reply: _ = entry.add(record)
        case nil: break
        }
    }

    private func deliver(
        _ output: MessageAssembler.Output, _ record: JournalRecord, to front: any KernelFront,
        _ request: (UInt64) -> ClientRequest?
    ) {
        switch output {
        case .text(let kind, _, let bytes):
            if let text, text.kind == kind, text.request == record.request,
                text.bytes.count + bytes.count <= ChannelLayout.maximumPayload
            {
                self.text?.bytes.append(contentsOf: bytes)
                return
            }
            publishText(to: front)
            text = WaitingText(
                message: message(record, request, type: "stream", content: []), kind: kind, request: record.request,
                bytes: bytes)
        case .message(_, let said):
            publishText(to: front)
            var outgoing = message(record, request, type: said.type, content: said.content)
            outgoing.metadata = said.metadata
            outgoing.buffers = said.buffers
            switch try? EventRules.destination(of: said) {
            case .broadcast: publish(outgoing, to: front)
            case .reply: if let asked = request(record.request) { front.reply(outgoing, to: asked) }
            case .input: if let asked = request(record.request) { front.askForInput(outgoing, of: asked) }
            case .nowhere, nil: break
            }
        }
    }

    private func message(
        _ record: JournalRecord, _ request: (UInt64) -> ClientRequest?, type: String, content: [UInt8]
    ) -> OutgoingMessage {
        OutgoingMessage(
            sequence: record.sequence, time: record.time, type: type,
            parentHeader: request(record.request)?.header ?? Array("{}".utf8), metadata: Array("{}".utf8),
            content: content, buffers: [])
    }

    private func publishText(to front: any KernelFront) {
        guard var message = text?.message, let text else { return }
        self.text = nil
        message.content = EventRules.stream(text.kind == .standardOutput ? "stdout" : "stderr", text.bytes)
        publish(message, to: front)
    }

    private func publish(_ message: OutgoingMessage, to front: any KernelFront) {
        if !pending.isEmpty || !front.publish(message) { pending.append(message) }
    }

    /// Only between messages: a new server starts with empty assemblers.
    private func savePosition() {
        guard hasMoved, pending.isEmpty, text == nil, frames.isEmpty, entry.isEmpty else { return }
        hasMoved = false
        var sequence = cursor.sequence
        _ = pwrite(cursorFile.number, &sequence, 8, 0)
    }
}
