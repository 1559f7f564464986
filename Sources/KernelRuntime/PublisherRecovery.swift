import EventJournal
import InterpreterChannel
import LinuxKit

extension Publisher {
    /// Records that sockets may have held for slow clients when their process was killed; they hold 4096 messages of each.
    private static let held: UInt64 = 16_384

    /// Makes good for a server that was killed, with what its sockets held: the replies and the ends of the latest
    /// requests are told again, since a client waits for them and bears them twice. Of the rest, which it would not bear
    /// twice, it is told that some may be missing.
    ///
    /// - Parameter running: the request whose output may be missing.
    func makeGood(
        through front: any KernelFront, running: ClientRequest?, request: (UInt64) -> ClientRequest?
    ) {
        guard isInterrupted else { return }
        isInterrupted = false
        let (published, answered) = (saved[0], saved[1])
        guard published > 0 || answered > 0 else { return }
        var ends: [OutgoingMessage] = []
        // Another one after each kill.
        let copy = "_\(Hexadecimal.random(digits: 8))"
        let last = max(published, answered)
        var reader = EventReader(journal, after: last > Publisher.held ? last - Publisher.held : 0)
        while let (event, record) = reader.next(), record.sequence <= last {
            guard let asked = request(record.request) else { continue }
            switch event {
            case .reply(let said) where record.sequence <= answered:
                var reply = message(record, asked, type: said.type, content: said.content)
                reply.copy = copy
                reply.metadata = said.metadata
                reply.buffers = said.buffers
                front.reply(reply, to: asked)
            case .broadcast("status", let content, _, _)
            where record.sequence <= published && content == EventRules.status("idle"):
                var end = message(record, asked, type: "status", content: content)
                end.copy = copy
                ends.append(end)
            default: continue
            }
        }
        let line = "husk: the server was killed; output that was on its way to this client may be missing here.\n"
        let mark = JournalRecord.mark(published)
        var notice = message(mark, running, type: "stream", content: EventRules.stream("stderr", Array(line.utf8)))
        notice.copy = copy
        publishLater([notice] + ends)
    }
}
