public import BoundedQueue
public import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit

/// The clients of a hosted kernel, and what they ask of it.
extension HostedKernel {
    /// Lets a client listen. One of the same name that listens already is sent away.
    ///
    /// - Parameter sequence: the last event that it knows; nil for what follows what it is known to have, if it has
    ///   been here before, or else for what comes from now on.
    public func attach(_ name: String, after sequence: UInt64? = nil) async -> EventQueue {
        detach(name)
        guard server != nil || death != nil else { return .ended() }
        let queue = EventQueue()
        let last = base + (server?.lastSequence ?? 0)
        let position = (sequence ?? record.positions[name]).map { min($0, last) }
        let listener = Listener(to: server, base: base, past: past, after: position) {
            ClientFront(client: name, session: $0, base: $1, queue: queue)
        }
        clients[name] = Client(listener: listener, queue: queue)
        // A client that waits for a kernel to be ready learns at once how it is, and one that has missed nothing of a
        // dead kernel that it is dead.
        if position.map({ $0 >= last && death != nil }) ?? true { tell(state.activity, because: death, to: queue) }
        await note(name, has: position ?? last)
        return queue
    }

    /// Opens its ZeroMQ sockets, if it has none yet. Returns the connection file, which any Jupyter client takes.
    public func connect() throws -> ConnectionFile {
        guard let server, isAlive else { throw HostingError.notRunning(id) }
        if let sockets { return sockets.connection }
        let sockets = try KernelSockets(
            server, file: place.connection(of: id), kernelName: origin.spec, logger: place.logger)
        self.sockets = sockets
        return sockets.connection
    }

    /// Notes that a client has shown to have everything up to an event, so that it can go on there when it comes back.
    public func note(_ name: String, has sequence: UInt64) async {
        guard record.note(name, has: sequence) else { return }
        await keep(record)
    }

    /// Lets a client go, unless another one of its name has come.
    public func detach(_ name: String, queue: EventQueue? = nil) {
        guard let client = clients[name], queue == nil || client.queue === queue else { return }
        clients[name] = nil
        client.listener.stop()
        client.queue.finish()
    }

    /// Lets somebody watch what all clients are told.
    ///
    /// - Parameters:
    ///   - sequence: the last event that it knows.
    ///   - isLive: whether it also wants what comes from now on, until it leaves; the queue ends otherwise.
    public func observe(after sequence: UInt64, isLive: Bool) -> EventQueue {
        guard server != nil || death != nil else { return .ended() }
        return observers.add(to: server, base: base, past: past, after: sequence, request: nil, isLive: isLive)
    }

    /// Lets somebody watch one request of an interpreter, up to its end.
    func observe(_ request: String, generation: UInt64, since: UInt64, isLive: Bool) -> EventQueue {
        guard server != nil || death != nil else { return .ended() }
        let isCurrent = generation == record.generation && server != nil
        let first = isCurrent ? base : past?.base ?? 0
        let place = generation + 1 >= record.generation ? first + since : 0
        defer { executions.isWatched = observers.watchRequests }
        return observers.add(to: server, base: base, past: past, after: place, request: request, isLive: isLive)
    }

    /// Gives the cell that waits for a line a line. Returns whether there is one.
    public func provideInput(_ line: String) -> Bool {
        guard let server, server.isAsking else { return false }
        noteUse()
        server.provideInput(content: JSONValue.object(["value": .string(line)]).encoded(), to: nil)
        return true
    }

    /// Lets somebody go who has watched.
    public func forget(_ queue: EventQueue) {
        observers.forget(queue)
        executions.isWatched = observers.watchRequests
    }

    /// Takes a client's message.
    public func submit(_ message: WireMessage, over channel: KernelEvent.Channel, from client: String) {
        lastActivity = WallClock.microseconds
        guard let server else { return }
        switch channel {
        case .iopub: return
        case .stdin:
            guard message.header.type == "input_reply" else { return }
            let asker = clients[client]?.listener.front.asker(parent: message.parentHeader)
            server.provideInput(content: message.content, to: asker)
        case .shell, .control:
            var request = ClientRequest(message, origin: channel == .control ? .control : .shell)
            request.identities = ClientFront.identities(client)
            server.submit(request)
        }
    }

    /// Writes down what has been used up to now, for somebody who wants to read it.
    public func writeUsage() { server?.writeUsage() }

    /// Interrupts what runs.
    public func interrupt() { server?.interrupt() }

    /// Says how the kernel is, beside the journal: it is no interpreter's word.
    func tell(_ activity: KernelState.Activity, because reason: Death? = nil, to queue: EventQueue) {
        let session = server?.session ?? id
        told += 1
        let header = MessageHeader(
            id: "\(session)_s\(told)", session: session, username: "husk",
            date: Timestamp.iso8601(microseconds: WallClock.microseconds), type: "status")
        var content: JSONValue = ["execution_state": .string(activity.rawValue)]
        if let reason { content["reason"] = .string(reason.code) }
        let message = WireMessage(identities: [], header: header, content: content.encoded())
        queue.push(KernelEvent(channel: .iopub, message: message, sequence: 0))
    }
}
