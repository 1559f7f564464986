import EventJournal
import InterpreterChannel
import JupyterProtocol
import KeeperWire

/// Brings a machine to the state in which a dead server left it, from the journal.
///
/// The inputs go through the machine again; every output that has a record was made, the others are missing.
struct SessionRecovery {
    private(set) var machine: SessionMachine
    private(set) var frames = MessageAssembler()
    private(set) var lastFrame: UInt64 = 0
    /// How many messages have been sent to the interpreter, or should have been.
    private(set) var sentCount: UInt64 = 0
    /// The messages sent since the recovery's beginning, in order.
    private(set) var sends: [(request: UInt64, message: ChannelMessage)] = []
    /// Outputs without a record.
    private(set) var missing: [SessionMachine.Output] = []
    /// What was to be remembered, and may not have come as far as that.
    private(set) var memories: [SessionMachine.Output] = []

    private let ports: JSONValue
    private var entry = EntryAssembler()
    private var hasBegun = false

    init(ports: JSONValue) {
        self.ports = ports
        machine = SessionMachine(ports: ports)
    }

    /// Reads everything that is still in the journal.
    mutating func read(_ journal: Journal) {
        // A journal that has gone round begins in the middle: nothing counts before its first snapshot.
        hasBegun = journal.firstSequence == 1
        var cursor = journal.cursor(after: 0)
        while true {
            switch journal.next(&cursor) {
            case .record(let record): take(record)
            case .truncated: forget()
            case .end: return
            }
        }
    }

    /// Whether the state is not that of the dead server: the journal lacks something that no snapshot makes good.
    var isPartial: Bool { !hasBegun }

    /// Records are missing here: what was to follow from those before it may have followed in them.
    private mutating func forget() {
        hasBegun = false
        frames = MessageAssembler()
        entry = EntryAssembler()
        sends = []
        missing = []
    }

    private mutating func take(_ record: JournalRecord) {
        guard let kind = JournalEntry.Kind(rawValue: record.kind) else { return }
        if kind == .frame { return takeFrame(record) }
        guard let bytes = entry.add(record) else { return }
        if kind == .snapshot { return takeSnapshot(bytes) }
        guard hasBegun else { return }
        var reader = WireReader(bytes)
        switch kind {
        case .request: if let request = try? ClientRequest(from: &reader) { handle(.request(request)) }
        case .stdin: handle(.stdin(request: record.request, value: bytes))
        case .death:
            if case .ended(_, let death)? = try? KeeperReply(decoding: bytes) { handle(.death(death)) }
        case .publish, .reply: if !missing.isEmpty { missing.removeFirst() }
        case .leftover, .usage, .snapshot, .frame: break
        }
    }

    private mutating func takeFrame(_ record: JournalRecord) {
        lastFrame = record.frame
        guard hasBegun else { return }
        guard let frame = JournalEntry.frame(record) else {
            frames = MessageAssembler()
            return
        }
        if case .message(let request, let message)? = (try? frames.add(frame)) ?? nil {
            handle(.message(request: request, message))
        }
    }

    private mutating func takeSnapshot(_ bytes: [UInt8]) {
        guard !hasBegun else { return }
        var reader = WireReader(bytes)
        guard let last = try? reader.integer(UInt64.self), let sent = try? reader.integer(UInt64.self),
            let restored = try? SessionMachine(ports: ports, from: &reader)
        else { return }
        machine = restored
        lastFrame = last
        sentCount = sent
        frames = MessageAssembler()
        hasBegun = true
    }

    private mutating func handle(_ input: SessionMachine.Input) {
        for output in machine.handle(input) {
            switch output {
            case .publish, .reply, .history: missing.append(output)
            case .remember, .rememberResult: memories.append(output)
            case .send(let request, let message):
                sentCount += 1
                sends.append((request, message))
            // An interrupt is of its moment; an end is asked for again by the death that follows it.
            case .interrupt, .end: break
            }
        }
    }
}
