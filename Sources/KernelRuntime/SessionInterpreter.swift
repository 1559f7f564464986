import InterpreterChannel
import JupyterProtocol
import KeeperWire

/// What follows from what the interpreter says, and from its end.
extension SessionMachine {
    mutating func interpreterSaid(_ message: ChannelMessage, _ number: UInt64, _ outputs: inout [Output]) {
        if message.type == "hello" {
            hello = (try? JSONValue(parsing: message.content)) ?? .object([:])
            answerWaiting(&outputs)
            startNext(.main, &outputs)
            return startNext(.control, &outputs)
        }
        if message.type == "exiting" {
            // The code inside ended the kernel as a user does, by `exit`: nobody is to be told of a death.
            isEnding = true
            return outputs.append(.end(restart: false))
        }
        if SessionMachine.ends(message.type), aside.removeValue(forKey: number) != nil {
            return status("idle", number, &outputs)
        }
        if message.type == "input_request", memory[number] != nil { asking.insert(number) }
        // A reply for anything but a running request is a lie or a late echo; the running one goes on.
        guard let name = lane(working: number), let lane = lanes[name] else { return }
        switch message.type {
        case "awaiting":
            lanes[name]?.isAwaiting = true
            handAside(name, &outputs)
        case "execute_result":
            guard let text = JSONCheck.text(at: "data", "text/plain", in: message.content) else { return }
            outputs.append(.rememberResult(line: lane.line, text: text))
        case let type where SessionMachine.ends(type):
            lanes[name]?.finish()
            asking.remove(number)
            // The code inside may have set the counter. Of cells that run at once the latest has counted last.
            if type == "execute_reply", let count = JSONCheck.integer(at: "execution_count", in: message.content),
                count != lane.line, (0..<Int(Int32.max)).contains(count)
            {
                executionCount = count
            }
            status("idle", number, &outputs)
            if type == "execute_reply", lane.stopsOnError,
                JSONCheck.text(at: "status", in: message.content) == "error"
            {
                // Cells that were sent before their sender could know of the error do not run (`stop_on_error`).
                abort(name, { $0.type == "execute_request" }, &outputs)
            }
            if case .subshell(let subshell) = name, let deletion = lane.deletion {
                endSubshell(subshell, for: deletion, &outputs)
                return startNext(.control, &outputs)
            }
            startNext(name, &outputs)
        default: break
        }
    }

    /// Whether a message type is the answer that ends a request.
    static func ends(_ type: String) -> Bool {
        type.hasSuffix("_reply") || type == "done"
    }

    static func hasReply(_ request: ClientRequest) -> Bool {
        !request.type.hasPrefix("comm_") || request.type == "comm_info_request"
    }

    mutating func abort(
        _ name: RequestLane.Name, _ isWanted: (ClientRequest) -> Bool, _ outputs: inout [Output]
    ) {
        for request in lanes[name]?.take(where: isWanted) ?? [] {
            guard SessionMachine.hasReply(request) else {
                acknowledge(request, &outputs)
                continue
            }
            answer(request, ["status": "aborted"], &outputs)
        }
    }

    mutating func die(_ death: Death, _ outputs: inout [Output]) {
        guard !isDead else { return }
        isDead = true
        let inOrder = [.main, .control] + subshells.map { RequestLane.Name.subshell($0) }
        let begun = inOrder.compactMap { lanes[$0]?.running } + aside.values.sorted { $0.number < $1.number }
        let waiting = inOrder.flatMap { lanes[$0].map { Array($0.queue) + [$0.deletion].compactMap { $0 } } ?? [] }
        lanes = [.main: RequestLane(), .control: RequestLane()]
        subshells = []
        aside = [:]
        asking = []
        let error: JSONValue = [
            "status": "error", "execution_count": .integer(Int64(executionCount)), "ename": "KernelDied",
            "evalue": .string("\(death)"), "traceback": .array([.string("KernelDied: \(death) (\(death.code))")]),
        ]
        for request in begun {
            if request.type == "execute_request" {
                outputs.append(.publish(type: "error", request: request.number, content: error.encoded()))
            }
            // A cell that ended with its kernel has no reply: clients that look for a death while they wait for one
            // report it, and an error reply would look like an error of the cell's own.
            let isCell = request.type == "execute_request" && request.origin != .local
            if SessionMachine.hasReply(request), !isCell { reply(request, error, &outputs) }
            status("idle", request.number, &outputs)
        }
        for request in waiting + waitingForHello {
            // Clients take a kernel_info_reply for the word of a kernel that lives.
            if SessionMachine.hasReply(request), request.type != "kernel_info_request" {
                answer(request, error, &outputs)
            } else {
                acknowledge(request, &outputs)
            }
        }
        waitingForHello = []
        guard death != .requested || !isEnding else { return }
        outputs.append(.publish(type: "status", request: 0, content: EventRules.status(death)))
    }
}
