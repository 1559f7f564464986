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
        case stdin(request: UInt64, value: [UInt8])
        case message(request: UInt64, ChannelMessage)
        case death(Death)
    }

    /// What has to be done.
    enum Output: Hashable {
        /// Broadcast an event that the server itself makes.
        case publish(type: String, request: UInt64, content: [UInt8])
        /// Answer a request.
        case reply(type: String, request: UInt64, content: [UInt8])
        /// Answer a history request, from what has been remembered.
        case history(request: UInt64)
        /// Remember a cell.
        case remember(line: Int, input: String)
        /// Remember the text of a cell's result.
        case rememberResult(line: Int, text: String)
        /// Hand a message to the interpreter.
        case send(request: UInt64, ChannelMessage)
        /// Interrupt what runs.
        case interrupt
        /// End the kernel.
        case end(restart: Bool)
    }

    var executionCount = 0
    var isDead = false
    var isEnding = false
    /// What the interpreter said of itself; nil until it has.
    var hello: JSONValue?
    var memory = RequestMemory()
    /// The lanes that there are; the main one and that of the control channel always.
    var lanes: [RequestLane.Name: RequestLane] = [.main: RequestLane(), .control: RequestLane()]
    /// The subshells in the order in which they were made.
    var subshells: [String] = []
    /// The requests that wait for a line of input: running cells, and ended ones whose threads ask.
    var asking: Set<UInt64> = []
    /// Comm messages that were handed over beside running cells.
    var aside: [UInt64: ClientRequest] = [:]
    /// The header of the latest control request, which libraries may ask for.
    var controlHeader: [UInt8] = []
    var waitingForHello: [ClientRequest] = []
    var ports: JSONValue

    /// A machine for a kernel that answers connect requests with `ports`.
    init(ports: JSONValue = .object([:])) {
        self.ports = ports
    }

    /// The main shell's requests.
    var main: RequestLane { lanes[.main] ?? RequestLane() }
    /// The control channel's requests that are the interpreter's.
    var control: RequestLane { lanes[.control] ?? RequestLane() }

    /// The cell that runs, or one of them; nil while none does.
    var running: ClientRequest? {
        main.running ?? subshells.lazy.compactMap { lanes[.subshell($0)]?.running }.first
    }

    /// The cells that the interpreter works on.
    var runningCells: [UInt64] {
        lanes.values.compactMap(\.running).filter { $0.type == "execute_request" }.map(\.number)
    }

    /// Whether a reply is one that a request waits for: of its kind, and no second one.
    func awaits(_ type: String, for number: UInt64) -> Bool {
        guard lane(working: number) != nil || aside[number] != nil, let request = memory[number] else { return false }
        let suffix = "_request"
        return request.type.hasSuffix(suffix) && type == request.type.dropLast(suffix.count) + "_reply"
    }

    /// Whether a line of input can be asked for in the name of a request: of a cell, once it has begun, also by a thread
    /// of it that lives on.
    func mayAsk(_ number: UInt64) -> Bool {
        memory[number]?.type == "execute_request"
            && !lanes.values.contains { $0.queue.contains { $0.number == number } }
    }

    /// What clients are told of the limits, behind the interpreter's banner; the server knows it, the journal need not.
    var limitsInForce: [String] = []

    /// Handles one input.
    mutating func handle(_ input: Input) -> [Output] {
        var outputs: [Output] = []
        switch input {
        case .request(let request): accept(request, &outputs)
        case .stdin(let number, let value):
            if asking.remove(number) != nil, let request = memory[number] {
                let message = ChannelMessage(type: "input_reply", header: request.header, content: value)
                outputs.append(.send(request: number, message))
            }
        case .message(let number, let message): interpreterSaid(message, number, &outputs)
        case .death(let death): die(death, &outputs)
        }
        return outputs
    }

    // MARK: Requests

    private mutating func accept(_ request: ClientRequest, _ outputs: inout [Output]) {
        let inUse = isInUse
        // It is handled from here on.
        memory.remember(request) { $0 == request.number || inUse($0) }
        if request.origin == .control { controlHeader = request.header }
        if isDead { return acknowledge(request, &outputs) }
        switch request.type {
        case "interrupt_request":
            if running != nil { outputs.append(.interrupt) }
            answer(request, ["status": "ok"], &outputs)
        case "shutdown_request": shutDown(request, &outputs)
        case "kernel_info_request" where request.origin == .control && hello == nil: waitingForHello.append(request)
        default:
            guard let name = lane(for: request), lanes[name] != nil else { return refuseLane(request, &outputs) }
            // Control is answered whatever the shell is at (Jupyter messaging, "Messages on the Control channel").
            if request.origin == .control, hello != nil, name == .main, answerHere(request, &outputs) { return }
            lanes[name]?.queue.append(request)
            startNext(name, &outputs)
            if lanes[name]?.isAwaiting == true { handAside(name, &outputs) }
        }
    }

    /// Whether a request is handled or waits.
    var isInUse: (UInt64) -> Bool {
        var inUse = Set(waitingForHello.map(\.number)).union(aside.keys)
        for lane in lanes.values {
            for request in [lane.running, lane.deletion] { if let request { inUse.insert(request.number) } }
            for request in lane.queue { inUse.insert(request.number) }
        }
        return { inUse.contains($0) }
    }

    /// Lets go of what requests came with that have been handled.
    mutating func dropContents() { memory.dropContents(isInUse) }

    /// The lane of a request; nil if it names a subshell that there is not.
    func lane(for request: ClientRequest) -> RequestLane.Name? {
        switch request.type {
        case "debug_request", "usage_request", "create_subshell_request", "delete_subshell_request",
            "list_subshell_request":
            return .control
        default:
            guard let subshell = request.subshell else { return .main }
            guard let lane = lanes[.subshell(subshell)], lane.deletion == nil else { return nil }
            return .subshell(subshell)
        }
    }

    func lane(working number: UInt64) -> RequestLane.Name? {
        lanes.first { $0.value.running?.number == number }?.key
    }

    /// Hands comm messages over while a cell awaits, past the cells that wait behind it.
    mutating func handAside(_ name: RequestLane.Name, _ outputs: inout [Output]) {
        let comms = lanes[name]?.take { $0.type.hasPrefix("comm_") && $0.type != "comm_info_request" } ?? []
        for request in comms {
            status("busy", request.number, &outputs)
            aside[request.number] = request
            outputs.append(.send(request: request.number, SessionMachine.message(of: request, request.content)))
        }
    }

    /// Handles what waits, in order, up to the first request that is the interpreter's.
    mutating func startNext(_ name: RequestLane.Name, _ outputs: inout [Output]) {
        while hello != nil, !isDead, lanes[name]?.running == nil, let request = lanes[name]?.queue.popFirst() {
            if answerHere(request, &outputs) { continue }
            status("busy", request.number, &outputs)
            if request.type != "execute_request" {
                hand(request, request.content, to: name, &outputs)
            } else if let content = begin(request, in: name, &outputs) {
                hand(request, content, to: name, &outputs)
            } else {
                let reason = "code is not text, or user_expressions is not an object"
                refuse(request, "MalformedRequest", reason, &outputs)
            }
        }
    }

    /// Answers what needs no interpreter. Returns whether that was so.
    private mutating func answerHere(_ request: ClientRequest, _ outputs: inout [Output]) -> Bool {
        switch request.type {
        case "execute_request", "complete_request", "inspect_request", "is_complete_request", "comm_info_request",
            "comm_open", "comm_msg", "comm_close", "debug_request", "usage_request":
            return false
        case "kernel_info_request": answerKernelInfo(request, &outputs)
        case "connect_request":
            var content = ports.objectValue ?? [:]
            content["status"] = "ok"
            answer(request, .object(content), &outputs)
        case "create_subshell_request": createSubshell(request, &outputs)
        case "delete_subshell_request": deleteSubshell(request, &outputs)
        case "list_subshell_request":
            let names = subshells.filter { lanes[.subshell($0)]?.deletion == nil }
            answer(request, ["status": "ok", "subshell_id": .array(names.map { .string($0) })], &outputs)
        case "history_request":
            status("busy", request.number, &outputs)
            outputs.append(.history(request: request.number))
            status("idle", request.number, &outputs)
        // Clients of later versions ask for more than this kernel advertises; they wait for the idle.
        default: acknowledge(request, &outputs)
        }
        return true
    }

    private mutating func hand(
        _ request: ClientRequest, _ content: [UInt8], to name: RequestLane.Name, _ outputs: inout [Output]
    ) {
        lanes[name]?.running = request
        outputs.append(.send(request: request.number, SessionMachine.message(of: request, content)))
    }

    private static func message(of request: ClientRequest, _ content: [UInt8]) -> ChannelMessage {
        ChannelMessage(
            type: request.type, header: request.header, metadata: request.metadata, content: content,
            buffers: request.buffers)
    }

    /// Gives a cell its number and shows it. Returns the content for the interpreter; nil if the request has none.
    private mutating func begin(
        _ request: ClientRequest, in name: RequestLane.Name, _ outputs: inout [Output]
    ) -> [UInt8]? {
        guard let parsed = try? JSONValue(parsing: request.content), let cell = ExecuteRequest(content: parsed),
            let end = request.content.lastIndex(of: UInt8(ascii: "}"))
        else { return nil }
        // Nobody waits behind a cell that is not seen.
        lanes[name]?.stopsOnError = cell.stopOnError && !cell.silent
        // What is not stored is shown under the next number and does not use it up, as with IPython.
        let line = executionCount + 1
        if cell.storeHistory, !cell.silent, !cell.isBlank {
            executionCount = line
            if !isForgettable(cell.code) { outputs.append(.remember(line: line, input: cell.code)) }
        }
        lanes[name]?.line = executionCount
        if !cell.silent {
            let shown: JSONValue = ["code": .string(cell.code), "execution_count": .integer(Int64(line))]
            outputs.append(.publish(type: "execute_input", request: request.number, content: shown.encoded()))
        }
        // Behind what the client sent, which code may ask for as it came; of equal names the last counts.
        var content = request.content[..<end] + Array(",\"execution_count\":\(line)".utf8)
        if (try? JSONCheck.isObject(controlHeader)) == true {
            content += Array(",\"control_header\":".utf8) + controlHeader
        }
        return content + [UInt8(ascii: "}")]
    }

    /// Whether this is one of the inputs that nobody wants back, such as the last line of every console.
    private func isForgettable(_ code: String) -> Bool {
        let words = code.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let known = hello?["unremembered"]?.arrayValue else { return false }
        return known.contains(.string(String(words[0])))
    }

    private mutating func shutDown(_ request: ClientRequest, _ outputs: inout [Output]) {
        let content = (try? JSONValue(parsing: request.content)) ?? .object([:])
        let restart = content["restart"]?.boolValue ?? false
        let answer: JSONValue = ["status": "ok", "restart": .bool(restart)]
        status("busy", request.number, &outputs)
        reply(request, answer, &outputs)
        outputs.append(.publish(type: "shutdown_reply", request: request.number, content: answer.encoded()))
        status("idle", request.number, &outputs)
        isEnding = true
        outputs.append(.end(restart: restart))
    }

    /// What can be advertised, if the interpreter says that it can.
    private static let features = ["debugger", "kernel subshells"]

    mutating func answerKernelInfo(_ request: ClientRequest, _ outputs: inout [Output]) {
        var content = hello?.objectValue ?? [:]
        let said = (content["features"]?.arrayValue ?? []).compactMap(\.stringValue)
        let features = SessionMachine.features.filter(said.contains)
        content["protocol"] = nil
        content["features"] = nil
        content["unremembered"] = nil
        if !limitsInForce.isEmpty, let banner = content["banner"]?.stringValue {
            content["banner"] = .string("\(banner)\nIn force: \(limitsInForce.joined(separator: ", "))")
        }
        content["status"] = "ok"
        content["protocol_version"] = .string(MessageHeader.version)
        content["debugger"] = .bool(features.contains("debugger"))
        content["supported_features"] = .array(features.map { .string($0) })
        answer(request, .object(content), &outputs)
    }

    /// Answers who has asked before the interpreter had said what it is.
    mutating func answerWaiting(_ outputs: inout [Output]) {
        for request in waitingForHello { answerKernelInfo(request, &outputs) }
        waitingForHello = []
    }

    // MARK: Shapes

    /// Says that a request without an answer has been seen.
    func acknowledge(_ request: ClientRequest, _ outputs: inout [Output]) {
        status("busy", request.number, &outputs)
        status("idle", request.number, &outputs)
    }

    func answer(_ request: ClientRequest, _ content: JSONValue, _ outputs: inout [Output]) {
        status("busy", request.number, &outputs)
        reply(request, content, &outputs)
        status("idle", request.number, &outputs)
    }

    /// Answers a request that is busy already with an error.
    func refuse(
        _ request: ClientRequest, _ name: String, _ reason: String, _ outputs: inout [Output]
    ) {
        var content: JSONValue = [
            "status": "error", "ename": .string(name), "evalue": .string(reason), "traceback": .array([]),
        ]
        if request.type == "execute_request" { content["execution_count"] = .integer(Int64(executionCount)) }
        reply(request, content, &outputs)
        status("idle", request.number, &outputs)
    }

    func reply(_ request: ClientRequest, _ content: JSONValue, _ outputs: inout [Output]) {
        let type = request.type.replacing("_request", with: "_reply")
        outputs.append(.reply(type: type, request: request.number, content: content.encoded()))
    }

    func status(_ state: String, _ request: UInt64, _ outputs: inout [Output]) {
        outputs.append(
            .publish(type: "status", request: request, content: EventRules.status(state)))
    }
}
