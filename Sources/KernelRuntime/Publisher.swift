import DequeModule
import EventJournal
import Glibc
import InterpreterChannel
import LinuxKit

/// Hands every event of a kernel's journal to the front, in order and once.
///
/// Live delivery and what follows a restart of the server are the same read. Where it has come to stands in a file of
/// its own, so that a new server goes on where the last one was. Where broadcasts and replies have ways of their own, a
/// subscriber without room holds up the former only: it may be waiting for a reply before it reads on.
final class Publisher {
    /// Bytes of text up to which a message is worth waiting for more.
    private static let small = ChannelLayout.maximumPayload / 2

    let journal: Journal
    private let positionFile: OwnedDescriptorBox?
    /// Whether replies overtake broadcasts that wait.
    private let answersAhead: Bool
    private var reader: EventReader
    /// Answers what stands behind broadcasts that wait.
    private var answering: EventReader?
    /// Up to where replies have been sent.
    private var answered: UInt64
    /// What the front had no room for.
    private var pending: Deque<(message: OutgoingMessage, isBoundary: Bool)> = []
    private var text: WaitingText?
    private var budget = MessageBudget(now: .now)
    /// The last broadcast and the last reply that were given to the front, and whether a server is at it: 1 unless the
    /// last one has left in peace.
    private(set) var saved: [UInt64]
    /// Whether the last server was killed.
    var isInterrupted: Bool

    /// Text of one stream and request, which becomes one message with what follows it at once, or soon when there
    /// is much of it: a client would otherwise be far behind a cell that flushes each line.
    private struct WaitingText {
        var message: OutgoingMessage
        let kind: ChannelFrame.Kind
        let request: UInt64
        var bytes: [UInt8]
        /// Whether a new reader that starts behind it misses no part of a message.
        var isBoundary: Bool
    }

    /// Goes on at the position in a file, or starts at the beginning.
    init(_ journal: Journal, positionPath: String) throws(SystemError) {
        self.journal = journal
        let file = OwnedDescriptorBox(
            OwnedDescriptor(
                adopting: try SystemError.checkErrno(
                    "open", open(positionPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), on: positionPath)))
        saved = [0, 0, 0]
        if pread(file.descriptor.number, &saved, 24, 0) != 24 { saved = [0, 0, 0] }
        // A place behind the journal's end is none: what has not been told is then not told twice.
        if saved[0] > journal.lastSequence || saved[1] > journal.lastSequence {
            saved = [journal.lastSequence, journal.lastSequence, 1]
        }
        isInterrupted = saved[2] != 0
        positionFile = file
        answersAhead = true
        reader = EventReader(journal, after: saved[0])
        answered = saved[1]
    }

    /// Starts behind a sequence number, and keeps no account of where it has come to. Everything goes one way, in order: a
    /// client that has an event has all before it.
    init(_ journal: Journal, after sequence: UInt64) {
        // A place that there is not yet would be in front of replies to come.
        let sequence = min(sequence, journal.lastSequence)
        self.journal = journal
        positionFile = nil
        answersAhead = false
        saved = [sequence, sequence, 0]
        isInterrupted = false
        reader = EventReader(journal, after: sequence)
        answered = sequence
    }

    /// Goes on behind a sequence number, for a front that has just come.
    func start(after sequence: UInt64) {
        reader = EventReader(journal, after: sequence)
        answered = sequence
        savePosition()
    }

    /// Notes that nothing is lost that was given to the front: the process ends in peace.
    func close() {
        guard let number = positionFile?.descriptor.number, saved[2] != 0 else { return }
        saved[2] = 0
        _ = pwrite(number, saved, 24, 0)
    }

    /// Bytes of journal whose broadcasts wait.
    var backlog: Int { reader.bytesBehind }

    /// The file of the journal that is read next.
    var segment: UInt64 { reader.segment }

    /// Whether everything up to a sequence number has been delivered.
    func isDone(upTo sequence: UInt64) -> Bool {
        pending.isEmpty && text == nil && (reader.cursor.sequence >= sequence || reader.bytesBehind == 0)
    }

    /// Whether everything has been delivered.
    var isDone: Bool { pending.isEmpty && text == nil && reader.bytesBehind == 0 }

    /// Delivers what there is, until the front has no room. Returns whether anything was delivered.
    func run(to front: any KernelFront, request: (UInt64) -> ClientRequest?) -> Bool {
        var hasDelivered = false
        while let (message, isBoundary) = pending.first, offer(message, to: front, isBoundary) {
            pending.removeFirst()
            hasDelivered = true
        }
        while pending.isEmpty, let (event, record) = reader.next() {
            hasDelivered = true
            deliver(event, record, to: front, request(record.request))
        }
        if pending.isEmpty {
            answering = nil
        } else if answersAhead, answerAhead(through: front, request) {
            hasDelivered = true
        }
        if let text, text.bytes.count > Publisher.small || budget.take(now: .now) { publishText(to: front) }
        savePosition()
        return hasDelivered
    }

    private func deliver(
        _ event: EventReader.Event, _ record: JournalRecord, to front: any KernelFront, _ request: ClientRequest?
    ) {
        if case .text(let kind, let bytes) = event { return gather(kind, bytes, record, request, front) }
        publishText(to: front)
        switch event {
        case .broadcast(let type, let content, let metadata, let buffers):
            var message = message(record, request, type: type, content: content)
            message.metadata = metadata
            message.buffers = buffers
            publish(message, to: front, isBoundary: reader.isBetweenMessages)
        case .truncated(let count):
            let line = "husk: \(count) records of this kernel were dropped before this client had taken them.\n"
            var message = message(
                record, nil, type: "stream", content: EventRules.stream("stderr", Array(line.utf8)))
            message.dropped = count
            publish(message, to: front)
        case .text, .reply, .question: answer(event, record, through: front, request)
        }
    }

    // MARK: Replies

    /// Sends the replies behind broadcasts that wait. Returns whether there was any.
    private func answerAhead(through front: any KernelFront, _ request: (UInt64) -> ClientRequest?) -> Bool {
        var ahead = answering ?? reader
        defer { answering = ahead }
        let before = answered
        while let (event, record) = ahead.next() {
            answer(event, record, through: front, request(record.request))
        }
        return answered != before
    }

    private func answer(
        _ event: EventReader.Event, _ record: JournalRecord, through front: any KernelFront, _ request: ClientRequest?
    ) {
        let said: ChannelMessage
        switch event {
        case .text, .broadcast, .truncated: return
        case .reply(let message), .question(let message): said = message
        }
        guard record.sequence > answered, let request else { return }
        answered = record.sequence
        var outgoing = message(record, request, type: said.type, content: said.content)
        outgoing.metadata = said.metadata
        outgoing.buffers = said.buffers
        if case .question = event {
            front.askForInput(outgoing, of: request)
        } else {
            front.reply(outgoing, to: request)
        }
    }

    // MARK: Broadcasts

    private func gather(
        _ kind: ChannelFrame.Kind, _ bytes: [UInt8], _ record: JournalRecord, _ request: ClientRequest?,
        _ front: any KernelFront
    ) {
        if let text, text.kind == kind, text.request == record.request,
            text.bytes.count + bytes.count <= ChannelLayout.maximumPayload
        {
            self.text?.bytes.append(contentsOf: bytes)
            // The last one's: a client that has it has all of them.
            self.text?.message.sequence = record.sequence
            self.text?.isBoundary = reader.isBetweenMessages
            return
        }
        publishText(to: front)
        text = WaitingText(
            message: message(record, request, type: "stream", content: []), kind: kind, request: record.request,
            bytes: bytes, isBoundary: reader.isBetweenMessages)
    }

    private func publishText(to front: any KernelFront) {
        guard var message = text?.message, let text else { return }
        self.text = nil
        message.content = EventRules.stream(text.kind == .standardOutput ? "stdout" : "stderr", text.bytes)
        publish(message, to: front, isBoundary: text.isBoundary)
    }

    /// - Parameter isBoundary: whether a new reader that starts behind it misses no part of another message.
    private func publish(_ message: OutgoingMessage, to front: any KernelFront, isBoundary: Bool = false) {
        guard pending.isEmpty, offer(message, to: front, isBoundary) else {
            return pending.append((message: message, isBoundary: isBoundary))
        }
    }

    /// The position is written before: a server that is killed just then has lost the message, which its client is told,
    /// and does not tell it twice, which its client would not know.
    private func offer(_ message: OutgoingMessage, to front: any KernelFront, _ isBoundary: Bool) -> Bool {
        let before = saved[0]
        if isBoundary { save(published: max(before, message.sequence)) }
        if front.publish(message) { return true }
        if isBoundary { save(published: before) }
        return false
    }

    /// Publishes messages before all others, once there is room.
    func publishLater(_ messages: [OutgoingMessage]) {
        pending.append(contentsOf: messages.map { (message: $0, isBoundary: false) })
    }

    func message(
        _ record: JournalRecord, _ request: ClientRequest?, type: String, content: [UInt8]
    ) -> OutgoingMessage {
        OutgoingMessage(
            sequence: record.sequence, time: record.time, type: type,
            parentHeader: request?.header ?? Array("{}".utf8), metadata: Array("{}".utf8), content: content,
            buffers: [])
    }

    /// Only between messages: a new server starts with empty assemblers.
    private func savePosition() {
        let isBetween = pending.isEmpty && text == nil && reader.isBetweenMessages
        save(published: isBetween ? reader.cursor.sequence : saved[0])
    }

    private func save(published: UInt64) {
        let position = [published, answered, 1]
        guard position != saved, let number = positionFile?.descriptor.number else { return }
        saved = position
        _ = pwrite(number, position, 24, 0)
    }
}
