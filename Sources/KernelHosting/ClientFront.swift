import BoundedQueue
import JupyterProtocol
import KernelRuntime
import LinuxKit

/// A client of a hosted kernel, on the kernel's thread: what it is told goes into its queue.
final class ClientFront: ListeningFront {
    /// Marks requests of clients that come back under a name of their own, as routing prefix.
    static func identities(_ client: String) -> [[UInt8]] { [Array("client".utf8), Array(client.utf8)] }

    /// Whether these are such a client's.
    static func isClient(_ identities: [[UInt8]]) -> Bool {
        identities.count == 2 && identities[0] == Array("client".utf8)
    }

    let queue: EventQueue
    private let identities: [[UInt8]]
    private let session: String
    /// Added to the numbers of the journal, which begin anew with each interpreter.
    private let base: UInt64
    /// By the id of an input request, the request whose cell asks.
    private var questions: [String: UInt64] = [:]

    init(client: String, session: String, base: UInt64, queue: EventQueue) {
        identities = ClientFront.identities(client)
        self.session = session
        self.base = base
        self.queue = queue
    }

    /// The cell that a client answers whose message has this parent; nil when the parent says nothing.
    func asker(parent: [UInt8]) -> UInt64? {
        (try? JSONValue(parsing: parent))?["msg_id"]?.stringValue.flatMap { questions[$0] }
    }

    /// See the protocol that requires it.
    func tell(dropped count: UInt64, before sequence: UInt64) {
        let line = "husk: \(count) records of this kernel were dropped before this client had taken them.\n"
        let content: JSONValue = ["name": "stderr", "text": .string(line)]
        let header = MessageHeader(
            id: "\(session)_\(sequence)", session: session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: "stream")
        queue.push(
            KernelEvent(
                channel: .iopub, message: WireMessage(identities: [], header: header, content: content.encoded()),
                sequence: sequence))
    }

    /// See the protocol that requires it.
    func publish(_ message: OutgoingMessage) -> Bool { queue.offer(event(message, .iopub)) }

    /// See the protocol that requires it.
    func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        guard request.identities == identities else { return }
        queue.push(event(message, request.origin == .control ? .control : .shell))
    }

    /// See the protocol that requires it.
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        guard request.identities == identities else { return }
        let event = event(message, .stdin)
        if questions.count > 64 { questions = [:] }
        questions[event.message.header.id] = request.number
        queue.push(event)
    }

    private func event(_ message: OutgoingMessage, _ channel: KernelEvent.Channel) -> KernelEvent {
        KernelEvent(channel: channel, message: message.wire(session: session), sequence: base + message.sequence)
    }
}
