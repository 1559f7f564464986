import EventJournal
import InterpreterChannel
import KeeperWire

/// What of all that happens to a kernel stands in its journal.
extension KernelServer {
    /// Whether anybody is to hear what a frame has completed: no reply that nobody waits for, and nothing shown beyond
    /// what a cell may show.
    func isWanted(_ output: MessageAssembler.Output?) throws -> Bool {
        guard case .message(let request, let message)? = output else { return true }
        switch try EventRules.destination(checking: message) {
        case .reply: return machine.awaits(message.type, for: request)
        case .broadcast where message.type != "error":
            return accounts.allows(message.content.count + message.buffers.reduce(0) { $0 + $1.count }, of: request)
        case .input: return machine.mayAsk(request)
        case .broadcast, .nowhere: return true
        }
    }

    func record(dropping frame: ChannelFrame) throws {
        try journal.append(
            kind: JournalEntry.Kind.frame.rawValue, flags: JournalEntry.dropped, frame: frame.number,
            request: frame.request, payload: [])
        lastFrame = frame.number
    }

    func record(_ frame: ChannelFrame) throws {
        try journal.append(
            kind: JournalEntry.Kind.frame.rawValue, flags: JournalEntry.flags(frame), frame: frame.number,
            request: frame.request, payload: frame.payload)
        lastFrame = frame.number
        sinceSnapshot += frame.payload.count + 64
    }

    func record(_ kind: JournalEntry.Kind, request: UInt64, _ bytes: [UInt8]) throws {
        sinceSnapshot += bytes.count + 64
        try journal.write(kind, request: request, bytes)
    }

    func snapshotIfDue() throws {
        guard sinceSnapshot > KernelServer.snapshotInterval, frames.isEmpty else { return }
        try writeSnapshot()
    }

    func writeSnapshot() throws {
        sinceSnapshot = 0
        machine.dropContents()
        var writer = WireWriter()
        writer.append(lastFrame)
        writer.append(sentCount)
        machine.encode(into: &writer)
        spareReaders(of: writer.bytes.count)
        try journal.write(.snapshot, writer.bytes)
    }

    /// Sees to it that so many bytes push nothing out of the journal that those have not read who keep up.
    func spareReaders(of count: Int) {
        guard count > KernelServer.large else { return }
        spared = followers.filter { !$0.isBehind(KernelServer.backlog) }
        sparesFront = hasFront && publisher.backlog < KernelServer.backlog
    }
}
