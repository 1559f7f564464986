import Glibc
import JupyterProtocol
import LinuxKit

/// A terminal at a kernel: what all clients are shown is shown, and what is typed is run. For the thread of its loop.
final class KernelConsole {
    private enum State: Hashable {
        /// The kernel does not know yet that somebody listens.
        case joining
        /// A line can be taken.
        case ready
        /// The kernel says whether the text is a whole cell.
        case checking(String)
        /// A cell of ours runs.
        case running(String)
        /// It asks for a line.
        case asking(String, header: [UInt8])
    }

    private let client: KernelClient
    private let printer = CellPrinter(isQuiet: false, pictures: nil, folder: "")
    private let input: ConsoleInput
    private let loop: EventLoop
    private let isTerminal = isatty(0) == 1 && isatty(1) == 1
    private var state = State.joining
    private var text = ""
    private var count = 0
    private var hasFailed = false
    /// Of the cell that runs: its reply and its idle come in any order.
    private var awaited: Set<String> = []
    /// Why the kernel is no more.
    private(set) var end: String?

    init(_ client: KernelClient, loop: EventLoop) {
        self.client = client
        self.loop = loop
        input = ConsoleInput(loop: loop)
        client.onMessage = { [unowned self] channel, message in take(message, channel) }
    }

    /// Serves until the user leaves or the kernel ends. Returns whether the last cell ran without an error.
    func run() throws -> Bool {
        input.onLines = { [unowned self] in takeLine() }
        input.begin()
        try loop.run()
        input.setEcho(true)
        return !hasFailed
    }

    /// Interrupts what runs, or forgets what was typed.
    func interrupt() {
        switch state {
        case .running, .asking: _ = try? client.send("interrupt_request", [:], over: .control)
        case .joining, .checking: loop.stop()
        case .ready:
            text = ""
            if isTerminal { printer.write("\n") }
            prompt()
        }
    }

    // MARK: What is typed

    private func takeLine() {
        switch state {
        case .joining, .checking, .running:
            // Whoever leaves does not wait for what runs.
            if isTerminal, input.isAtEnd { loop.stop() }
        case .asking(let request, let header):
            guard let line = input.next() else {
                // Nothing comes that could answer it.
                if input.isAtEnd { interrupt() }
                return
            }
            input.setEcho(true)
            state = .running(request)
            _ = try? client.send("input_reply", ["value": .string(line)], over: .stdin, parent: header)
        case .ready:
            guard let line = input.next() else {
                if input.isAtEnd { finish() }
                return
            }
            text += text.isEmpty ? line : "\n\(line)"
            if text.allSatisfy(\.isWhitespace) {
                text = ""
                prompt()
                return takeLine()
            }
            check()
        }
    }

    private func check() {
        let id = try? client.send("is_complete_request", ["code": .string(text)], over: .shell)
        state = id.map { .checking($0) } ?? .ready
    }

    /// The end of what is typed: a cell that has begun is run.
    private func finish() {
        guard !text.isEmpty else { return loop.stop() }
        execute()
    }

    private func execute() {
        let content: JSONValue = [
            "code": .string(text), "silent": false, "store_history": true, "user_expressions": [:], "allow_stdin": true,
            "stop_on_error": true,
        ]
        text = ""
        awaited = ["execute_reply", "idle"]
        guard let id = try? client.send("execute_request", content, over: .shell) else { return }
        state = .running(id)
    }

    private func prompt() {
        guard isTerminal, case .ready = state else { return }
        printer.write(text.isEmpty ? "In [\(count + 1)]: " : "   ...: ")
    }

    // MARK: What the kernel says

    private func take(_ message: WireMessage, _ channel: KernelClient.Channel) {
        guard let content = try? JSONValue(parsing: message.content) else { return }
        let parent = (try? JSONValue(parsing: message.parentHeader))?["msg_id"]?.stringValue ?? ""
        switch channel {
        case .iopub: show(message.header.type, content, parent)
        case .stdin: ask(content, parent, message.header.raw)
        case .shell: answer(message.header.type, content, parent)
        case .control: return
        }
    }

    private func answer(_ type: String, _ content: JSONValue, _ parent: String) {
        switch (type, state) {
        case ("is_complete_reply", .checking(parent)):
            state = .ready
            if content["status"] == "incomplete", input.hasMore {
                prompt()
                takeLine()
            } else {
                execute()
            }
        case ("execute_reply", .running(parent)), ("execute_reply", .asking(parent, _)):
            hasFailed = content["status"] != "ok"
            conclude("execute_reply")
        default: return
        }
    }

    private func ask(_ content: JSONValue, _ parent: String, _ header: [UInt8]) {
        guard case .running(parent) = state else { return }
        printer.write(content["prompt"]?.stringValue ?? "")
        if content["password"] == true { input.setEcho(false) }
        state = .asking(parent, header: header)
        takeLine()
    }

    private func show(_ type: String, _ content: JSONValue, _ parent: String) {
        switch type {
        case "iopub_welcome" where state == .joining:
            state = .ready
            prompt()
            takeLine()
        case "execute_input":
            if let number = content["execution_count"]?.integerValue { count = Int(clamping: number) }
            if !isOwn(parent) { printer.other(content["code"]?.stringValue ?? "") }
        case "status":
            switch content["execution_state"] {
            case "idle" where isOwn(parent): conclude("idle")
            case "dead", "restarting":
                end = content["message"]?.stringValue ?? "The kernel has ended."
                if content["execution_state"] == "dead" { loop.stop() }
            default: return
            }
        case "error" where content["ename"] == "KernelDied" && isOwn(parent):
            printer.event(type, content)
            hasFailed = true
            // A cell that ends with its kernel has no reply.
            awaited.remove("execute_reply")
        default: printer.event(type, content)
        }
    }

    /// The server has gone, and with it what was to be seen.
    func lose(_ reason: String) {
        end = reason
        loop.stop()
    }

    private func isOwn(_ parent: String) -> Bool {
        switch state {
        case .running(let id), .asking(let id, _): id == parent
        case .joining, .ready, .checking: false
        }
    }

    private func conclude(_ part: String) {
        awaited.remove(part)
        guard awaited.isEmpty else { return }
        state = .ready
        prompt()
        takeLine()
    }
}
