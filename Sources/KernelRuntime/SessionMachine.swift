import DequeModule
import InterpreterChannel
import JupyterProtocol
import KeeperWire

/// What a kernel does with requests, with what its interpreter says, and with its death; without any I/O.
///
/// Every input is journaled before it is handled, and every output has a record of its own. Since the same
/// inputs give the same outputs, a new server that feeds the journal through a new machine arrives at the
/// dead server's state, and the outputs without a record are those that it still has to make.
struct SessionMachine {
    /// What comes in.
    enum Input {
        case request(ClientRequest)
        case stdin(value: [UInt8])
        case message(request: UInt64, ChannelMessage)
        case death(Death)
    }

    /// What has to be done.
    enum Output: Hashable {
        /// Broadcast an event that the server itself makes.
        case publish(type: String, request: UInt64, content: [UInt8])
        /// Answer a request.
        case reply(type: String, request: UInt64, content: [UInt8])
        /// Hand a message to the interpreter.
        case send(request: UInt64, ChannelMessage)
        /// Interrupt the running cell.
        case interrupt
        /// End the kernel.
        case end(restart: Bool)
    }

    /// How many finished requests are remembered as parents of what their threads and tasks still print.
    private static let rememberedRequests = 512

    private(set) var executionCount = 0
    private(set) var history = InputHistory()
    private(set) var isDead = false
    private(set) var isEnding = false
    /// What the interpreter said of itself; nil until it has.
    private(set) var hello: JSONValue?
    /// The request that the interpreter works on.
    private(set) var running: ClientRequest?

    /// Whether the running cell waits for a line of input.
    private(set) var isAsking = false

    /// Whether the running cell awaits: it may be waiting for what a comm brings.
    private var isAwaiting = false
    /// Comm messages that were handed over beside the running cell.
    private var aside: [UInt64: ClientRequest] = [:]
    /// The header of the latest control request, which libraries may ask for.
    private var controlHeader: [UInt8] = []

    private var queue: Deque<ClientRequest> = []
    private var waitingForHello: [ClientRequest] = []
    private var known: [UInt64: ClientRequest] = [:]
    private var knownOrder: Deque<UInt64> = []
    private var stopsOnError = true
    private var runningLine = 0
    private let ports: JSONValue

    /// A machine for a kernel that answers connect requests with `ports`.
    init(ports: JSONValue = .object([:])) {
        self.ports = ports
    }

    /// The number that the next request gets.
    var nextRequestNumber: UInt64 { (knownOrder.last ?? 0) + 1 }

    /// A request by number, as long as it is remembered.
    func request(_ number: UInt64) -> ClientRequest? { known[number] }

    /// Handles one input.
    mutating func handle(_ input: Input) -> [Output] {
        var outputs: [Output] = []
        switch input {
        case .request(let request): accept(request, &outputs)
        case .stdin(let value):
            if let running, isAsking {
                isAsking = false
                outputs.append(.send(request: running.number, ChannelMessage(type: "input_reply", content: value)))
            }
        case .message(let number, let message): interpreterSaid(message, number, &outputs)
        case .death(let death): die(death, &outputs)
        }
        return outputs
    }

    // MARK: Requests

    private mutating func accept(_ request: ClientRequest, _ outputs: inout [Output]) {
        remember(request)
        if request.origin == .control { controlHeader = request.header }
        if isDead { return answerDead(request, &outputs) }
        switch request.type {
        case "interrupt_request":
            if running != nil { outputs.append(.interrupt) }
            answer(request, .object(["status": "ok"]), &outputs)
        case "shutdown_request": shutDown(request, &outputs)
        case "kernel_info_request" where request.origin == .control && hello == nil: waitingForHello.append(request)
        // Control is answered whatever the shell is at (Jupyter messaging, "Messages on the Control channel").
        default:
            if request.origin == .control, answerHere(request, &outputs) { return }
            queue.append(request)
            startNext(&outputs)
            if isAwaiting { handAside(&outputs) }
        }
    }

    /// Hands comm messages over while a cell awaits, past the cells that wait behind it.
    private mutating func handAside(_ outputs: inout [Output]) {
        let comms = queue.filter { $0.type.hasPrefix("comm_") && $0.type != "comm_info_request" }
        guard !comms.isEmpty else { return }
        queue.removeAll { request in comms.contains { $0.number == request.number } }
        for request in comms {
            status("busy", request.number, &outputs)
            aside[request.number] = request
            outputs.append(.send(request: request.number, SessionMachine.message(of: request, request.content)))
        }
    }

    /// Handles what waits, in order, up to the first request that is the interpreter's.
    private mutating func startNext(_ outputs: inout [Output]) {
        while running == nil, hello != nil, !isDead, let request = queue.popFirst() {
            if answerHere(request, &outputs) { continue }
            status("busy", request.number, &outputs)
            if request.type != "execute_request" {
                hand(request, request.content, &outputs)
            } else if let content = begin(request, &outputs) {
                hand(request, content, &outputs)
            } else {
                refuse(request, &outputs)
            }
        }
    }

    /// Answers what needs no interpreter. Returns whether that was so.
    private mutating func answerHere(_ request: ClientRequest, _ outputs: inout [Output]) -> Bool {
        switch request.type {
        case "execute_request", "complete_request", "inspect_request", "is_complete_request", "comm_info_request",
            "comm_open", "comm_msg", "comm_close":
            return false
        case "kernel_info_request": answerKernelInfo(request, &outputs)
        case "connect_request": answer(request, ports, &outputs)
        case "history_request":
            let wanted = HistoryRequest(content: (try? JSONValue(parsing: request.content)) ?? .object([:]))
            answer(request, .object(["status": "ok", "history": history.answer(wanted)]), &outputs)
        default:
            // Clients of later versions ask for more than this kernel advertises; they wait for the idle.
            status("busy", request.number, &outputs)
            status("idle", request.number, &outputs)
        }
        return true
    }

    private mutating func hand(_ request: ClientRequest, _ content: [UInt8], _ outputs: inout [Output]) {
        running = request
        outputs.append(.send(request: request.number, SessionMachine.message(of: request, content)))
    }

    private static func message(of request: ClientRequest, _ content: [UInt8]) -> ChannelMessage {
        ChannelMessage(
            type: request.type, header: request.header, metadata: request.metadata, content: content,
            buffers: request.buffers)
    }

    /// Gives a cell its number and shows it. Returns the content for the interpreter; nil if the request has none.
    private mutating func begin(_ request: ClientRequest, _ outputs: inout [Output]) -> [UInt8]? {
        guard var content = try? JSONValue(parsing: request.content), let cell = ExecuteRequest(content: content)
        else { return nil }
        stopsOnError = cell.stopOnError
        if cell.storeHistory, !cell.silent {
            executionCount += 1
            history.append(line: executionCount, input: cell.code)
        }
        runningLine = executionCount
        if !cell.silent {
            let shown = JSONValue.object([
                "code": .string(cell.code), "execution_count": .integer(Int64(executionCount)),
            ])
            outputs.append(.publish(type: "execute_input", request: request.number, content: shown.encoded()))
        }
        content["execution_count"] = .integer(Int64(executionCount))
        if let header = try? JSONValue(parsing: controlHeader) { content["control_header"] = header }
        return content.encoded()
    }

    private func refuse(_ request: ClientRequest, _ outputs: inout [Output]) {
        let content = JSONValue.object([
            "status": "error", "execution_count": .integer(Int64(executionCount)), "ename": "MalformedRequest",
            "evalue": "code is not text, or user_expressions is not an object", "traceback": .array([]),
        ])
        reply(request, content, &outputs)
        status("idle", request.number, &outputs)
    }

    private mutating func shutDown(_ request: ClientRequest, _ outputs: inout [Output]) {
        let content = (try? JSONValue(parsing: request.content)) ?? .object([:])
        let restart = content["restart"]?.boolValue ?? false
        let answer = JSONValue.object(["status": "ok", "restart": .bool(restart)])
        status("busy", request.number, &outputs)
        reply(request, answer, &outputs)
        outputs.append(.publish(type: "shutdown_reply", request: request.number, content: answer.encoded()))
        status("idle", request.number, &outputs)
        isEnding = true
        outputs.append(.end(restart: restart))
    }

    private mutating func answerKernelInfo(_ request: ClientRequest, _ outputs: inout [Output]) {
        var content = hello?.objectValue ?? [:]
        content["protocol"] = nil
        content["status"] = "ok"
        content["protocol_version"] = "5.5"
        content["debugger"] = .bool(false)
        content["supported_features"] = .array([])
        answer(request, .object(content), &outputs)
    }

    private mutating func remember(_ request: ClientRequest) {
        known[request.number] = request
        knownOrder.append(request.number)
        while knownOrder.count > SessionMachine.rememberedRequests, let oldest = knownOrder.first,
            oldest != running?.number, aside[oldest] == nil, !queue.contains(where: { $0.number == oldest })
        {
            knownOrder.removeFirst()
            known[oldest] = nil
        }
    }

    // MARK: The interpreter

    private mutating func interpreterSaid(_ message: ChannelMessage, _ number: UInt64, _ outputs: inout [Output]) {
        if message.type == "hello" {
            hello = (try? JSONValue(parsing: message.content)) ?? .object([:])
            for request in waitingForHello { answerKernelInfo(request, &outputs) }
            waitingForHello = []
            return startNext(&outputs)
        }
        if message.type == "input_request", running?.number == number { isAsking = true }
        if message.type == "execute_result", let content = try? JSONValue(parsing: message.content),
            let text = content["data"]?["text/plain"]?.stringValue
        {
            history.setOutput(text, line: runningLine)
        }
        if message.type == "awaiting", running?.number == number {
            isAwaiting = true
            return handAside(&outputs)
        }
        if SessionMachine.ends(message.type), aside.removeValue(forKey: number) != nil {
            return status("idle", number, &outputs)
        }
        // A reply for anything but the running request is a lie or a late echo; the running one goes on.
        guard let request = running, request.number == number, SessionMachine.ends(message.type) else { return }
        running = nil
        isAsking = false
        isAwaiting = false
        status("idle", number, &outputs)
        if message.type == "execute_reply", stopsOnError,
            let content = try? JSONValue(parsing: message.content), content["status"]?.stringValue == "error"
        {
            abortQueue(&outputs)
        }
        startNext(&outputs)
    }

    /// Whether a message type is the answer that ends a request.
    static func ends(_ type: String) -> Bool {
        type.hasSuffix("_reply") || type == "done"
    }

    /// Cells that were sent before their sender could know of the error do not run (`stop_on_error`).
    private mutating func abortQueue(_ outputs: inout [Output]) {
        let cells = queue.filter { $0.type == "execute_request" }
        queue.removeAll { $0.type == "execute_request" }
        for cell in cells {
            status("busy", cell.number, &outputs)
            reply(cell, .object(["status": "aborted"]), &outputs)
            status("idle", cell.number, &outputs)
        }
    }

    private mutating func die(_ death: Death, _ outputs: inout [Output]) {
        guard !isDead else { return }
        isDead = true
        let waiting =
            [running].compactMap { $0 } + aside.values.sorted { $0.number < $1.number } + Array(queue) + waitingForHello
        let begun = Set([running?.number].compactMap { $0 } + aside.keys)
        let wasRunning = running
        running = nil
        queue = []
        aside = [:]
        waitingForHello = []
        for request in waiting {
            let error = SessionMachine.error(death)
            if request == wasRunning {
                outputs.append(.publish(type: "error", request: request.number, content: error.encoded()))
            } else if !begun.contains(request.number) {
                status("busy", request.number, &outputs)
            }
            var content = error.objectValue ?? [:]
            content["status"] = "error"
            content["execution_count"] = .integer(Int64(executionCount))
            if !request.type.hasPrefix("comm_") || request.type == "comm_info_request" {
                reply(request, .object(content), &outputs)
            }
            status("idle", request.number, &outputs)
        }
        if death != .requested || !isEnding { status("dead", 0, &outputs) }
    }

    private mutating func answerDead(_ request: ClientRequest, _ outputs: inout [Output]) {
        status("busy", request.number, &outputs)
        status("idle", request.number, &outputs)
    }

    private static func error(_ death: Death) -> JSONValue {
        .object([
            "ename": "KernelDied", "evalue": .string("\(death)"),
            "traceback": .array([.string("KernelDied: \(death) (\(death.code))")]),
        ])
    }

    // MARK: Shapes

    private mutating func answer(_ request: ClientRequest, _ content: JSONValue, _ outputs: inout [Output]) {
        status("busy", request.number, &outputs)
        reply(request, content, &outputs)
        status("idle", request.number, &outputs)
    }

    private func reply(_ request: ClientRequest, _ content: JSONValue, _ outputs: inout [Output]) {
        let type = request.type.replacing("_request", with: "_reply")
        outputs.append(.reply(type: type, request: request.number, content: content.encoded()))
    }

    private func status(_ state: String, _ request: UInt64, _ outputs: inout [Output]) {
        outputs.append(
            .publish(type: "status", request: request, content: Array("{\"execution_state\":\"\(state)\"}".utf8)))
    }
}

extension SessionMachine {
    /// The whole state, for the journal: a ring that has gone round still begins with one of these.
    func encode(into writer: inout WireWriter) {
        writer.append(UInt64(executionCount))
        writer.append(isEnding)
        writer.append(hello != nil)
        if let hello { writer.append(blob: hello.encoded()) }
        writer.append(running?.number ?? 0)
        writer.append(isAsking)
        writer.append(isAwaiting)
        writer.append(blob: controlHeader)
        writer.append(aside.keys.sorted()) { $0.append($1) }
        writer.append(UInt64(runningLine))
        writer.append(stopsOnError)
        writer.append(Array(queue)) { $0.append($1.number) }
        writer.append(waitingForHello) { $0.append($1.number) }
        writer.append(knownOrder.compactMap { known[$0] }) { $1.encode(into: &$0) }
        writer.append(Array(history.entries.suffix(1000))) { writer, entry in
            writer.append(UInt64(entry.line))
            writer.append(entry.input)
            writer.append(entry.output ?? "")
        }
    }

    /// The machine at the time of `encode`.
    init(ports: JSONValue, from reader: inout WireReader) throws(WireError) {
        self.init(ports: ports)
        executionCount = Int(clamping: try reader.integer(UInt64.self))
        isEnding = try reader.boolean()
        if try reader.boolean() { hello = try? JSONValue(parsing: try reader.blob()) }
        let runningNumber = try reader.integer(UInt64.self)
        isAsking = try reader.boolean()
        isAwaiting = try reader.boolean()
        controlHeader = try reader.blob()
        let besides = try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) }
        runningLine = Int(clamping: try reader.integer(UInt64.self))
        stopsOnError = try reader.boolean()
        let queued = try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) }
        let waiting = try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) }
        for request in try reader.list({ reader throws(WireError) in try ClientRequest(from: &reader) }) {
            known[request.number] = request
            knownOrder.append(request.number)
        }
        running = known[runningNumber]
        for number in besides { aside[number] = known[number] }
        queue = Deque(queued.compactMap { known[$0] })
        waitingForHello = waiting.compactMap { known[$0] }
        let entries = try reader.list { reader throws(WireError) in
            (
                line: Int(clamping: try reader.integer(UInt64.self)), input: try reader.string(),
                output: try reader.string()
            )
        }
        for entry in entries {
            history.append(line: entry.line, input: entry.input)
            if !entry.output.isEmpty { history.setOutput(entry.output, line: entry.line) }
        }
    }
}
