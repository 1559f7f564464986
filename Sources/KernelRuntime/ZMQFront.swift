import Glibc
public import JupyterProtocol
public import LinuxKit
public import Logging
import ZeroMQ

/// A kernel's five ZeroMQ sockets (Jupyter messaging, "Introduction").
public final class ZMQFront: KernelFront {
    /// How long one subscriber without room may hold up the others since anybody last took a message.
    private static let patience = Duration.seconds(30)
    /// How long a reply is kept for a client that is on its way back to a restarted server.
    private static let returnTime = Duration.seconds(30)

    private var kernel: KernelServer
    private let key: SigningKey
    private let logger: Logger
    private let context: ZMQContext
    private let shell: ZMQSocket
    private let control: ZMQSocket
    private let stdin: ZMQSocket
    private let iopub: ZMQSocket
    private let heartbeat: ZMQSocket
    private let loop: EventLoop
    private let began = ContinuousClock.now
    private let isResumed: Bool
    private var replays = ReplayGuard()
    private var complained: Set<String> = []
    private var hasSubscriber = false
    private var blockedSince: ContinuousClock.Instant?
    private var isLossy = false
    private var waitingReplies: [(socket: ZMQSocket, frames: [[UInt8]])] = []
    private var welcomes = 0
    /// By request, the id of its latest input request.
    private var questions: [UInt64: String] = [:]

    /// Opens the sockets and waits for clients on `loop`.
    ///
    /// - Parameter listeners: a listening socket for each of `ConnectionFile.Socket.allCases`, or none with ipc.
    ///   libzmq closes them.
    public init(
        _ kernel: KernelServer, connection: ConnectionFile, key: SigningKey, listeners: [Int32], isResumed: Bool,
        loop: EventLoop, logger: Logger
    ) throws {
        self.kernel = kernel
        self.key = key
        self.loop = loop
        self.isResumed = isResumed
        self.logger = logger
        context = try ZMQContext()
        shell = try ZMQSocket(context, .router)
        iopub = try ZMQSocket(context, .xpub)
        stdin = try ZMQSocket(context, .router)
        control = try ZMQSocket(context, .router)
        heartbeat = try ZMQSocket(context, .rep)
        for socket in [shell, stdin, control] {
            try socket.setRouterHandover(true)
            try socket.setRouterMandatory(true)
            try socket.setSendHighWater(0)
        }
        // A subscriber of its own gets its welcome even if another one has the same subscription.
        try iopub.setXPUBVerbose(true)
        try iopub.setXPUBNoDrop(true)
        try iopub.setSendHighWater(4096)
        let sockets: [(ConnectionFile.Socket, ZMQSocket)] = [
            (.shell, shell), (.iopub, iopub), (.stdin, stdin), (.control, control), (.heartbeat, heartbeat),
        ]
        for (index, (name, socket)) in sockets.enumerated() {
            try socket.setLinger(1000)
            try socket.setIPv6(connection.ip.contains(":"))
            try socket.setMaximumFrame(512 << 20)
            if let keys = connection.curve { try socket.setCurveServer(secretKey: keys.secretKey) }
            if index < listeners.count { try socket.setListener(listeners[index]) }
            try socket.bind(connection.endpoint(name))
        }
        // The descriptors say only that something may have happened; `receive` looks.
        for (_, socket) in sockets { _ = try loop.watch(socket.descriptor) { _ in } }
    }

    /// Goes on with a kernel's next interpreter; clients stay connected.
    public func move(to kernel: KernelServer) {
        self.kernel = kernel
        questions = [:]
    }

    /// Closes the sockets; what was sent is still delivered for a second.
    public func close() {
        for socket in [shell, control, stdin, iopub, heartbeat] { socket.close() }
    }

    // MARK: In

    /// See the protocol that requires it.
    public func receive() -> Bool {
        var hasReceived = false
        for (socket, origin) in [(control, ClientRequest.Origin.control), (shell, .shell)] {
            while let message = next(from: socket) {
                hasReceived = true
                if let message = accept(message) { kernel.submit(ClientRequest(message, origin: origin)) }
            }
        }
        while let frames = next(from: stdin) {
            hasReceived = true
            if let message = accept(frames), message.header.type == "input_reply" { takeAnswer(message) }
        }
        while let frames = next(from: heartbeat) {
            hasReceived = true
            _ = try? heartbeat.send(frames)
        }
        while let frames = next(from: iopub) {
            hasReceived = true
            welcome(frames)
        }
        if !waitingReplies.isEmpty { retryReplies() }
        return hasReceived
    }

    /// Clients need not say which question they answer; one that does must mean the latest of its cell.
    private func takeAnswer(_ message: WireMessage) {
        guard !questions.isEmpty, let parent = try? JSONValue(parsing: message.parentHeader),
            let id = parent["msg_id"]?.stringValue
        else { return kernel.provideInput(content: message.content, to: nil) }
        guard let request = questions.first(where: { $0.value == id })?.key else { return }
        questions[request] = nil
        kernel.provideInput(content: message.content, to: request)
    }

    private func next(from socket: ZMQSocket) -> [[UInt8]]? {
        switch try? socket.receive() {
        case .message(let frames): return frames
        case .oversized:
            complain(.tooLarge)
            return next(from: socket)
        case .nothing, nil: return nil
        }
    }

    private func accept(_ frames: [[UInt8]]) -> WireMessage? {
        do throws(WireMessageError) {
            let message = try WireMessage(frames: frames, key: key)
            guard replays.isNew(message.signature) else { throw .replayed }
            return message
        } catch {
            complain(error)
            return nil
        }
    }

    /// Says once of each kind of bad message that it was dropped.
    private func complain(_ error: WireMessageError) {
        if complained.insert(error.code).inserted {
            logger.warning("A message was dropped: \(error). Further ones like it are dropped in silence.")
        }
    }

    /// Tells a new subscriber that nothing from here on will be missed (JEP 65).
    private func welcome(_ frames: [[UInt8]]) {
        guard let frame = frames.first, frame.first == 1 else { return }
        hasSubscriber = true
        let topic = Array(frame.dropFirst())
        var content = Array("{\"subscription\":".utf8)
        JSONText.append(topic, to: &content)
        content.append(UInt8(ascii: "}"))
        welcomes += 1
        let header = MessageHeader(
            id: "\(kernel.session)_w\(welcomes)", session: kernel.session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: "iopub_welcome")
        _ = try? iopub.send(WireMessage(identities: [topic], header: header, content: content).frames(signedWith: key))
    }

    // MARK: Out

    /// See the protocol that requires it.
    public func publish(_ message: OutgoingMessage) -> Bool {
        // After a restart of the server its subscribers are on their way back.
        if isResumed, !hasSubscriber, began.duration(to: .now) < .seconds(10) { return false }
        let topic = message.type == "stream" ? "stream" : "kernel.\(kernel.session).\(message.type)"
        let frames = message.wire(session: kernel.session, identities: [Array(topic.utf8)]).frames(signedWith: key)
        if isLossy { try? iopub.setXPUBNoDrop(true) }
        if (try? iopub.send(frames)) ?? true {
            blockedSince = nil
            if isLossy { isLossy = false }
            return true
        }
        if isLossy { return sendLossy(frames) }
        let since = blockedSince ?? .now
        blockedSince = since
        guard since.duration(to: .now) > ZMQFront.patience else { return false }
        logger.warning(
            "A subscriber has taken no message for 30 seconds; it may lose messages until it takes them again.")
        isLossy = true
        return sendLossy(frames)
    }

    private func sendLossy(_ frames: [[UInt8]]) -> Bool {
        try? iopub.setXPUBNoDrop(false)
        _ = try? iopub.send(frames)
        return true
    }

    /// See the protocol that requires it.
    public func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        send(message, to: request, over: request.origin == .control ? control : shell)
    }

    /// See the protocol that requires it.
    public func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        // A client's shell and stdin sockets have one identity (Jupyter messaging, "Messages on the stdin channel").
        if questions.count > 64 { questions = [:] }
        questions[request.number] = id(of: message)
        send(message, to: request, over: stdin)
    }

    private func send(_ message: OutgoingMessage, to request: ClientRequest, over socket: ZMQSocket) {
        let frames = message.wire(session: kernel.session, identities: request.identities).frames(signedWith: key)
        do {
            _ = try socket.send(frames)
        } catch {
            // The client is gone; after a restart of the server it is on its way back.
            if isResumed, began.duration(to: .now) < ZMQFront.returnTime {
                waitingReplies.append((socket, frames))
                loop.after(.milliseconds(50)) {}
            }
        }
    }

    private func retryReplies() {
        waitingReplies.removeAll { waiting in (try? waiting.socket.send(waiting.frames)) != nil }
        if began.duration(to: .now) > ZMQFront.returnTime { waitingReplies = [] }
        if !waitingReplies.isEmpty { loop.after(.milliseconds(50)) {} }
    }

    private func id(of message: OutgoingMessage) -> String { "\(kernel.session)_\(message.sequence)" }
}
