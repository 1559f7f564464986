import BoundedQueue
import JupyterProtocol
import KernelRuntime

/// Somebody who watches a hosted kernel and asks nothing of it: everything that anybody is told goes into its queue.
///
/// On the kernel's thread.
final class ObserverFront: ListeningFront {
    let queue: EventQueue
    private let session: String
    /// Added to the numbers of the journal, which begin anew with each interpreter.
    private let base: UInt64
    /// The id of the only request that is watched, up to its end; nil for all.
    private let request: String?

    init(session: String, base: UInt64, request: String?, queue: EventQueue) {
        self.session = session
        self.base = base
        self.request = request
        self.queue = queue
    }

    /// See the protocol that requires it.
    func tell(dropped count: UInt64, before sequence: UInt64) {
        let header = MessageHeader(id: "", session: session, username: "husk", date: "", type: "stream")
        queue.push(
            KernelEvent(
                channel: .iopub, message: WireMessage(identities: [], header: header, content: Array("{}".utf8)),
                sequence: sequence, dropped: count))
    }

    /// See the protocol that requires it.
    func publish(_ message: OutgoingMessage) -> Bool {
        guard isWanted(message) else { return true }
        guard queue.offer(event(message, .iopub)) else { return false }
        if request != nil, message.isIdle { queue.finish() }
        return true
    }

    /// See the protocol that requires it.
    func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        if isWanted(message) { queue.push(event(message, request.origin == .control ? .control : .shell)) }
    }

    /// See the protocol that requires it.
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        if isWanted(message) { queue.push(event(message, .stdin)) }
    }

    private func isWanted(_ message: OutgoingMessage) -> Bool {
        request == nil || message.dropped > 0 || message.parentID == request
    }

    private func event(_ message: OutgoingMessage, _ channel: KernelEvent.Channel) -> KernelEvent {
        KernelEvent(
            channel: channel, message: message.wire(session: session), sequence: base + message.sequence,
            dropped: message.dropped)
    }
}
