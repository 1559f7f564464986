import JupyterProtocol
import LinuxKit
import ZeroMQ

/// A client of a kernel, over its ZeroMQ sockets. For the thread of its loop.
final class KernelClient {
    /// The sockets that messages come and go over.
    enum Channel: CaseIterable { case shell, control, stdin, iopub }

    /// Called with each message.
    var onMessage: ((Channel, WireMessage) -> Void)?
    /// Its session id, in the header of everything that it says.
    let session = Hexadecimal.random(digits: 32)

    private let context: ZMQContext
    private let sockets: [(channel: Channel, socket: ZMQSocket)]
    private let key: SigningKey
    private let loop: EventLoop
    private var watches: [EventLoop.Watch] = []
    private var turn: EventLoop.Turn?
    private var sent = 0

    /// Connects to a kernel.
    init(_ connection: ConnectionFile, loop: EventLoop) throws {
        guard let key = SigningKey(scheme: connection.signatureScheme, key: connection.key) else {
            throw ConnectionFileError(field: "signature_scheme", "is not known")
        }
        self.key = key
        self.loop = loop
        context = try ZMQContext()
        let wanted: [(Channel, ZMQSocket.Kind, ConnectionFile.Socket)] = [
            (.shell, .dealer, .shell), (.control, .dealer, .control), (.stdin, .dealer, .stdin), (.iopub, .sub, .iopub),
        ]
        var sockets: [(Channel, ZMQSocket)] = []
        for (channel, kind, name) in wanted {
            let socket = try ZMQSocket(context, kind)
            try socket.setLinger(1000)
            // A kernel knows by it that shell and stdin are one client's.
            if channel == .iopub { try socket.subscribe([]) } else { try socket.setIdentity(Array(session.utf8)) }
            try socket.connect(connection.endpoint(name))
            sockets.append((channel, socket))
        }
        self.sockets = sockets
        for (_, socket) in sockets { watches.append(try loop.watch(socket.descriptor) { _ in }) }
        turn = loop.beforeWaiting { [unowned self] in receive() }
    }

    /// Leaves; what was sent is still delivered for a second.
    func close() {
        for watch in watches { loop.forget(watch) }
        if let turn { loop.forget(turn) }
        for (_, socket) in sockets { socket.close() }
    }

    /// Says something. Returns the message's id.
    @discardableResult
    func send(_ type: String, _ content: JSONValue, over channel: Channel, parent: [UInt8] = Array("{}".utf8)) throws
        -> String
    {
        sent += 1
        let header = MessageHeader(
            id: "\(session)_\(sent)", session: session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: type)
        let message = WireMessage(identities: [], header: header, parentHeader: parent, content: content.encoded())
        for (name, socket) in sockets where name == channel { _ = try socket.send(message.frames(signedWith: key)) }
        return header.id
    }

    /// The descriptors say only that something may have happened, and once.
    private func receive() {
        var hasReceived = true
        while hasReceived {
            hasReceived = false
            for (channel, socket) in sockets {
                guard case .message(let frames)? = try? socket.receive() else { continue }
                hasReceived = true
                if let message = try? WireMessage(frames: frames, key: key) { onMessage?(channel, message) }
            }
        }
    }
}
