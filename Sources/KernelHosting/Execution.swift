import JupyterProtocol
import KernelRuntime
import NotebookFormat

/// What becomes of one execution, told in the kernel's events. No input or output.
struct Execution {
    /// How many bytes of outputs are kept for the result; the events have all of them.
    static let largestOutput = 8 << 20

    let id: String
    let order: ExecutionOrder
    /// The number of its request.
    let number: UInt64
    /// When it began, in microseconds since 1970; nil while it waits.
    private(set) var began: Int64?
    private(set) var isFinished = false
    /// What was done because of its deadline.
    var steps: [DeadlineStep] = []
    /// Whether events of it may have been dropped unread.
    var isCut = false
    private var collector = OutputCollector()
    private var size = 0
    private var reply: JSONValue?
    private var facts: JSONValue?
    /// Why the kernel has ended with the cell.
    private var death: String?
    /// Why it has, for programs.
    var reasonOfDeath = "kernel_died"
    /// Whether the kernel has ended with the cell.
    var hasDied: Bool { death != nil }
    /// What a user calls the end of the kernel, where that is no death.
    var cause: (message: String, reason: String)?
    /// Whether the interpreter has begun with it.
    private var hasRun = false
    private var question: (header: JSONValue, content: JSONValue)?

    init(id: String, order: ExecutionOrder, number: UInt64) {
        self.id = id
        self.order = order
        self.number = number
    }

    /// Takes what is said to all.
    mutating func take(_ message: OutgoingMessage) {
        began = began ?? message.time
        switch message.type {
        case "status": if message.isIdle { isFinished = true }
        case "execute_input": hasRun = true
        case "stream", "display_data", "execute_result", "error", "update_display_data", "clear_output":
            guard size <= Execution.largestOutput else {
                isCut = true
                return
            }
            size += message.content.count
            guard let content = try? JSONValue(parsing: message.content) else { return }
            if message.type == "error" { noteDeath(content) }
            collector.add(type: message.type, content: content)
        default: break
        }
    }

    /// Takes its reply.
    mutating func take(reply message: OutgoingMessage) {
        reply = (try? JSONValue(parsing: message.content)) ?? [:]
        if let reply { noteDeath(reply) }
        facts = (try? JSONValue(parsing: message.metadata))?["husk"]
    }

    /// Takes its question for a line.
    mutating func take(question message: OutgoingMessage, header: [UInt8]) {
        question = ((try? JSONValue(parsing: header)) ?? [:], (try? JSONValue(parsing: message.content)) ?? [:])
    }

    /// How it is.
    ///
    /// - Parameter isAsking: whether its question still waits for an answer.
    func report(isAsking: Bool) -> ExecutionReport {
        if isAsking, let question {
            return ExecutionReport(
                id: id, metadata: order.metadata,
                state: .input(header: question.header, content: question.content), facts: [:])
        }
        return ExecutionReport(
            id: id, metadata: order.metadata, state: began == nil ? .queued : .running, facts: ["outputs": outputs])
    }

    /// Its result, as it is stored: with a member `error` when it was not run to its end.
    ///
    /// - Parameter failure: why there is no reply, if there is none.
    func result(failure: (message: String, reason: String)) -> [String: JSONValue] {
        var result: [String: JSONValue] = [
            "status": reply?["status"] ?? "error", "execution_count": reply?["execution_count"] ?? .null,
            "outputs": outputs,
        ]
        // The number in the reply is that of the last cell that ran.
        if hasDied, !hasRun { result["execution_count"] = .null }
        if let expressions = reply?["user_expressions"], expressions != [:] { result["user_expressions"] = expressions }
        if isCut { result["truncated"] = true }
        if let refusal = facts?["refusal"] { result["reason"] = refusal }
        if let cause, hasDied || reply == nil {
            result["error"] = .string(cause.message)
            result["reason"] = .string(cause.reason)
        } else if let death {
            result["error"] = .string("KernelDied: \(death)")
            result["reason"] = .string(reasonOfDeath)
        } else if reply == nil {
            result["error"] = .string(failure.message)
            result["reason"] = .string(failure.reason)
        } else if reply?["status"] == "aborted" {
            result["error"] = "Execution cancelled because a previous queued request failed."
            result["reason"] = "aborted"
        }
        if let step = steps.last {
            result["reason"] = .string(step.reason)
            result["steps"] = .array(steps.map { .string($0.rawValue) })
        }
        return result
    }

    private mutating func noteDeath(_ error: JSONValue) {
        if error["ename"] == "KernelDied" { death = error["evalue"]?.stringValue ?? "" }
    }

    /// A list in a text, as jupyter-server-nbmodel gives it.
    private var outputs: JSONValue {
        .string(String(decoding: JSONValue.array(collector.outputs).encoded(), as: UTF8.self))
    }
}
