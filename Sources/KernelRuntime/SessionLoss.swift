import JupyterProtocol

extension SessionMachine {
    /// More requests than a kernel takes between two snapshots.
    private static let skip: UInt64 = 1 << 32

    /// Goes on where the journal lacks something: requests may have ended that seem to run, and others may have been
    /// numbered that nobody knows. Who waits is told, and no cell runs twice.
    ///
    /// - Parameter hello: what the interpreter has said of itself, where the journal has lost that, too.
    mutating func lose(hello known: JSONValue?) -> [Output] {
        var outputs: [Output] = []
        let inOrder = [.main, .control] + subshells.map { RequestLane.Name.subshell($0) }
        let begun = inOrder.compactMap { lanes[$0]?.running } + aside.values.sorted { $0.number < $1.number }
        let waiting = inOrder.flatMap { lanes[$0].map { Array($0.queue) + [$0.deletion].compactMap { $0 } } ?? [] }
        for name in inOrder { lanes[name] = RequestLane() }
        aside = [:]
        asking = []
        for request in begun where !SessionMachine.hasReply(request) { status("idle", request.number, &outputs) }
        for request in waiting where !SessionMachine.hasReply(request) { acknowledge(request, &outputs) }
        let reason = "the journal of this kernel was damaged; whether this ran to its end is not known"
        for request in begun where SessionMachine.hasReply(request) {
            refuse(request, "JournalDamaged", reason, &outputs)
        }
        for request in waiting where SessionMachine.hasReply(request) {
            status("busy", request.number, &outputs)
            refuse(request, "JournalDamaged", reason, &outputs)
        }
        hello = hello ?? known
        if hello != nil { answerWaiting(&outputs) }
        memory.remember(SessionMachine.nobody(number: memory.nextNumber + SessionMachine.skip))
        return outputs
    }

    /// A request that nobody has made, for its number.
    private static func nobody(number: UInt64) -> ClientRequest {
        let empty = Array("{}".utf8)
        var request = ClientRequest(
            origin: .local, identities: [], type: "lost", header: empty, metadata: empty, content: empty)
        request.number = number
        return request
    }
}
