import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit
import NotebookFormat
import Replay

/// Runs a notebook's cells one after another: the kernel's client in this process.
final class NotebookReplay: KernelFront {
    private enum Outcome: String {
        case ok, error, differs, skipped, timeout, dead
    }

    private struct CellResult {
        let index: Int
        var outcome: Outcome
        var seconds: Double
        var difference: String?
        /// What the server said of the cell beside its reply: what it used, which limit it reached.
        var facts: [String: JSONValue] = [:]
    }

    private(set) var notebook: Notebook
    private let name: String
    private let check: Bool
    private let allowErrors: Bool
    private let timeout: Duration?
    private let printer: CellPrinter
    private var results: [CellResult] = []
    private var pending: ArraySlice<Int>
    private var current: Int?
    private var collector = OutputCollector()
    /// Those of finished cells whose displays later cells may change.
    private var earlier: [Int: OutputCollector] = [:]
    /// The outputs that the cells had.
    private let stored: [[JSONValue]]
    private var began = ContinuousClock.now
    private let start = ContinuousClock.now
    private var status = ""
    private var facts: [String: JSONValue] = [:]
    private var executionCount: Int64?
    private var deadline: EventLoop.Timer?
    private var hasTimedOut = false
    private var isDone = false
    private var isStopped = false
    private var kernel: KernelServer?
    private var loop: EventLoop?
    private var header: [UInt8] = []

    init(
        notebook: Notebook, name: String, check: Bool, allowErrors: Bool, timeout: Duration?, printer: CellPrinter
    ) {
        self.notebook = notebook
        stored = notebook.cells.map(\.outputs)
        self.name = name
        self.check = check
        self.allowErrors = allowErrors
        self.timeout = timeout
        self.printer = printer
        pending = ArraySlice(notebook.cells.indices)
    }

    var hasSucceeded: Bool { results.allSatisfy { [.ok, .skipped].contains($0.outcome) } && pending.isEmpty }

    /// What `--json` prints.
    var summary: JSONValue {
        [
            "notebook": .string(name), "status": .string(hasSucceeded ? "ok" : "failed"),
            "seconds": .number(NotebookReplay.seconds(start.duration(to: .now))),
            "cells": .array(
                results.map { result in
                    var cell: JSONValue = [
                        "index": .integer(Int64(result.index)), "status": .string(result.outcome.rawValue),
                        "seconds": .number(result.seconds),
                    ]
                    if let difference = result.difference { cell["difference"] = .string(difference) }
                    for (name, value) in result.facts { cell[name] = value }
                    return cell
                }),
        ]
    }

    /// Runs everything. Returns when the sandbox has ended.
    func run(_ options: SandboxOptions) throws {
        let plan = try options.plan()
        for notice in plan.notices { StandardError.line("husk run: \(notice)") }
        let planted = PlantedNames(plan.sandbox)
        defer { for notice in planted.notices { StandardError.line("husk run: \(notice)") } }
        let installation = try Installation.current()
        let loop = try EventLoop()
        signal(SIGPIPE, SIG_IGN)
        let signals = try SignalSource([SIGINT, SIGTERM, SIGHUP])
        let name = "r\(getpid())-\(UInt32.random(in: 0..<UInt32.max))"
        let place = KernelServer.Place(state: options.stateDirectory, kernel: name)
        let keeper = try KeeperConnection(state: place.state, program: installation.keeper)
        let kernel = try KernelServer(
            starting: options.order(name, plan), in: place, ports: [:], ledger: UserData.ledger,
            limits: options.limits.kernel(), keeper: keeper, loop: loop)
        self.kernel = kernel
        self.loop = loop
        var death: Death?
        kernel.onEnd = { reason in
            death = reason
            loop.stop()
        }
        kernel.onProblem = { StandardError.line("husk run: \($0)") }
        try kernel.serve(self)
        _ = try loop.watch(signals.descriptor.number) { [unowned self] _ in
            while let signal = signals.next() {
                if signal != SIGINT || hasTimedOut {
                    isStopped = true
                    kernel.end()
                } else {
                    interruptByUser()
                }
            }
        }
        kernel.whenReady = { [unowned self] in
            printer.begin(self.name, limits: kernel.limitsInForce)
            next()
        }
        try loop.run()
        // A cell can end the kernel as a user does, and then the cells behind it do not run.
        let hasLeft = death == .requested && !isDone && !isStopped
        if let death, death != .requested || hasLeft {
            if !kernel.lastWords.isEmpty { throw Failure(kernel.lastWords) }
            if current != nil { finish(.dead) }
            if results.isEmpty { throw Failure("\(death)") }
            StandardError.line("husk run: \(hasLeft ? "The notebook has ended its kernel." : "\(death)")")
        }
        for index in earlier.keys.sorted() { compare(index) }
        printer.end(
            ran: results.filter { $0.outcome != .skipped }.count,
            failed: results.filter { ![.ok, .skipped].contains($0.outcome) }.count,
            seconds: NotebookReplay.seconds(start.duration(to: .now)))
    }

    // MARK: Cells

    private func next() {
        guard !isDone else { return }
        while let index = pending.popFirst() {
            let cell = notebook.cells[index]
            guard cell.isCode, !cell.source.allSatisfy(\.isWhitespace) else {
                printer.prose(cell)
                continue
            }
            if cell.tags.contains("skip") || cell.tags.contains("skip-execution") {
                results.append(CellResult(index: index, outcome: .skipped, seconds: 0))
                continue
            }
            return begin(index, cell)
        }
        stop()
    }

    private func begin(_ index: Int, _ cell: NotebookCell) {
        current = index
        collector = OutputCollector()
        began = .now
        status = ""
        facts = [:]
        hasTimedOut = false
        printer.source(cell)
        let header = MessageHeader(
            id: "cell-\(index)", session: "run", username: "", date: "", type: "execute_request")
        self.header = header.raw
        let content: JSONValue = [
            "code": .string(cell.source), "silent": false, "store_history": true, "user_expressions": [:],
            "allow_stdin": false, "stop_on_error": true,
        ]
        kernel?.submit(
            ClientRequest(
                origin: .local, identities: [], type: "execute_request", header: header.raw,
                metadata: Array("{}".utf8), content: content.encoded()))
        guard let timeout else { return }
        deadline = loop?.after(timeout) { [unowned self] in timeOut() }
    }

    /// First an interrupt; a cell that does not heed it takes the kernel with it.
    private func timeOut() {
        hasTimedOut = true
        kernel?.interrupt()
        deadline = loop?.after(.seconds(5)) { [unowned self] in kernel?.end() }
    }

    private func interruptByUser() {
        hasTimedOut = true
        pending = []
        kernel?.interrupt()
    }

    private func finish(_ forced: Outcome? = nil) {
        guard let index = current else { return }
        current = nil
        if let deadline { loop?.cancel(deadline) }
        let cell = notebook.cells[index]
        notebook.cells[index].outputs = collector.outputs
        notebook.cells[index].executionCount = executionCount
        var result = CellResult(
            index: index, outcome: forced ?? (status == "ok" ? .ok : .error),
            seconds: NotebookReplay.seconds(began.duration(to: .now)), facts: facts)
        if hasTimedOut, forced == nil { result.outcome = .timeout }
        if result.outcome == .error, cell.tags.contains("raises-exception") { result.outcome = .ok }
        let comparesNow = result.outcome == .ok || (result.outcome == .error && allowErrors)
        if result.outcome == .error, allowErrors { result.outcome = .ok }
        results.append(result)
        if comparesNow {
            if collector.hasDisplays { earlier[index] = collector } else { compare(index) }
        }
        if [.error, .timeout, .dead].contains(result.outcome) {
            printer.failure(index, result.outcome.rawValue)
            return stop()
        }
        loop?.after(.zero) { [unowned self] in next() }
    }

    /// Compares the outputs of a cell that ran to its end with those that it had.
    private func compare(_ index: Int) {
        let cell = notebook.cells[index]
        guard check, cell.tags.isDisjoint(with: OutputComparison.ignoringTags),
            let difference = OutputComparison.difference(stored: stored[index], new: cell.outputs),
            let position = results.firstIndex(where: { $0.index == index })
        else { return }
        results[position].outcome = .differs
        results[position].difference = difference
        printer.difference(index, difference)
    }

    private func stop() {
        isDone = true
        kernel?.end()
    }

    private static func seconds(_ duration: Duration) -> Double {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        return Double(milliseconds) / 1000
    }

    // MARK: The kernel's side

    func publish(_ message: OutgoingMessage) -> Bool {
        guard let content = try? JSONValue(parsing: message.content) else { return true }
        if message.type == "status" {
            if content["execution_state"] == "idle", message.parentHeader == header, !status.isEmpty { finish() }
            return true
        }
        if message.type == "update_display_data" || message.type == "display_data" {
            for index in earlier.keys where earlier[index]?.updateDisplay(content) ?? false {
                notebook.cells[index].outputs = earlier[index]?.outputs ?? []
            }
        }
        guard current != nil else { return true }
        if message.type == "execute_input" { executionCount = content["execution_count"]?.integerValue }
        collector.add(type: message.type, content: content)
        printer.event(message.type, content)
        return true
    }

    func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        guard message.type == "execute_reply", message.parentHeader == header else { return }
        status = (try? JSONValue(parsing: message.content))?["status"]?.stringValue ?? "error"
        let said = (try? JSONValue(parsing: message.metadata))?["husk"]
        facts = ["usage": said?["usage"], "refusal": said?["refusal"]].compactMapValues { $0 }
    }

    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        kernel?.provideInput(content: Array(#"{"value":"\u0004"}"#.utf8), to: request.number)
    }

    func receive() -> Bool { false }
}
