import InterpreterChannel
import JupyterProtocol
import KeeperWire
import LinuxKit
import Testing

@testable import KernelRuntime

@Suite("A kernel's decisions")
struct SessionMachineTests {
    typealias Output = SessionMachine.Output

    func request(
        _ number: UInt64, _ type: String, _ content: JSONValue = [:], on origin: ClientRequest.Origin = .shell
    ) -> ClientRequest {
        var request = ClientRequest(
            origin: origin, identities: [[1]], type: type, header: Array("{\"n\":\(number)}".utf8),
            metadata: Array("{}".utf8), content: content.encoded())
        request.number = number
        return request
    }

    func said(_ number: UInt64, _ type: String, _ content: JSONValue = [:]) -> SessionMachine.Input {
        .message(request: number, ChannelMessage(type: type, content: content.encoded()))
    }

    func ready() -> SessionMachine {
        var machine = SessionMachine()
        _ = machine.handle(said(0, "hello", ["implementation": "x"]))
        return machine
    }

    func brief(_ outputs: [Output]) -> [String] {
        outputs.map { output in
            switch output {
            case .publish(let type, let request, let content):
                let state = (try? JSONValue(parsing: content))?["execution_state"]?.stringValue
                return "\(request) \(state ?? type)"
            case .reply(let type, let request, let content):
                let status = (try? JSONValue(parsing: content))?["status"]?.stringValue ?? "-"
                return "\(request) \(type) \(status)"
            case .send(let request, let message): return "\(request) → \(message.type)"
            case .history(let request): return "\(request) history"
            case .remember(let line, _): return "remember \(line)"
            case .rememberResult(let line, _): return "result \(line)"
            case .interrupt: return "interrupt"
            case .end: return "end"
            }
        }
    }

    @Test("What may have been lost is ended, no cell runs twice, and the next one runs")
    func loss() {
        var machine = ready()
        for number in 1...2 as ClosedRange<UInt64> {
            _ = machine.handle(.request(request(number, "execute_request", ["code": "a"])))
        }
        let outputs = machine.lose(hello: ["implementation": "y"])
        #expect(
            brief(outputs) == ["1 execute_reply error", "1 idle", "2 busy", "2 execute_reply error", "2 idle"])
        #expect(machine.hello == ["implementation": "x"])
        // A late answer is nobody's, and no number is given twice.
        #expect(machine.handle(said(1, "execute_reply", ["status": "ok"])).isEmpty)
        let next = machine.memory.nextNumber
        #expect(next > 1 << 32)
        let after = machine.handle(.request(request(next, "execute_request", ["code": "b"])))
        #expect(brief(after).last == "\(next) → execute_request")
        var blank = SessionMachine()
        _ = blank.lose(hello: ["implementation": "y"])
        #expect(blank.hello == ["implementation": "y"])
    }

    @Test("Cells run one at a time, in order, busy and idle round each")
    func order() {
        var machine = ready()
        let first = machine.handle(.request(request(1, "execute_request", ["code": "a"])))
        #expect(brief(first) == ["1 busy", "remember 1", "1 execute_input", "1 → execute_request"])
        #expect(machine.handle(.request(request(2, "execute_request", ["code": "b"]))).isEmpty)
        let next = machine.handle(said(1, "execute_reply", ["status": "ok"]))
        #expect(brief(next) == ["1 idle", "2 busy", "remember 2", "2 execute_input", "2 → execute_request"])
        #expect(machine.executionCount == 2)
    }

    @Test("An error aborts the cells behind it, and only cells")
    func aborts() {
        var machine = ready()
        for (number, type) in [(1, "execute_request"), (2, "execute_request"), (3, "complete_request")]
            as [(UInt64, String)]
        {
            _ = machine.handle(.request(request(number, type, ["code": "a"])))
        }
        let outputs = machine.handle(said(1, "execute_reply", ["status": "error"]))
        #expect(
            brief(outputs) == [
                "1 idle", "2 busy", "2 execute_reply aborted", "2 idle", "3 busy", "3 → complete_request",
            ])
    }

    @Test("Control is answered while a cell runs, the shell in order")
    func control() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "execute_request", ["code": "a"])))
        #expect(
            brief(machine.handle(.request(request(2, "kernel_info_request", on: .control))))
                == ["2 busy", "2 kernel_info_reply ok", "2 idle"])
        #expect(
            brief(machine.handle(.request(request(3, "interrupt_request", on: .control))))
                == ["interrupt", "3 busy", "3 interrupt_reply ok", "3 idle"])
        #expect(brief(machine.handle(.request(request(4, "no_such_request", on: .control)))) == ["4 busy", "4 idle"])
        #expect(machine.handle(.request(request(5, "kernel_info_request"))).isEmpty)
        #expect(machine.handle(.request(request(6, "no_such_request"))).isEmpty)
        #expect(
            brief(machine.handle(said(1, "execute_reply", ["status": "ok"])))
                == ["1 idle", "5 busy", "5 kernel_info_reply ok", "5 idle", "6 busy", "6 idle"])
    }

    @Test("A cell that awaits hears comms, past the cells behind it")
    func aside() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "execute_request", ["code": "await x"])))
        _ = machine.handle(.request(request(2, "execute_request", ["code": "b"])))
        #expect(machine.handle(.request(request(3, "comm_msg"))).isEmpty)
        #expect(brief(machine.handle(said(1, "awaiting"))) == ["3 busy", "3 → comm_msg"])
        #expect(brief(machine.handle(.request(request(4, "comm_close")))) == ["4 busy", "4 → comm_close"])
        #expect(brief(machine.handle(said(3, "done"))) == ["3 idle"])
        let next = brief(machine.handle(said(1, "execute_reply", ["status": "ok"])))
        #expect(next == ["1 idle", "2 busy", "remember 2", "2 execute_input", "2 → execute_request"])
        #expect(brief(machine.handle(said(4, "done"))) == ["4 idle"])
        // This one does not await: order counts.
        #expect(machine.handle(.request(request(5, "comm_msg"))).isEmpty)
    }

    @Test("A line of input is for a cell that has asked")
    func input() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "execute_request", ["code": "input()"])))
        #expect(machine.handle(.stdin(request: 1, value: [])).isEmpty)
        _ = machine.handle(said(1, "input_request"))
        #expect(machine.asking == [1])
        #expect(brief(machine.handle(.stdin(request: 1, value: []))) == ["1 → input_reply"])
        #expect(machine.handle(.stdin(request: 1, value: [])).isEmpty)
    }

    @Test("A cell without code is refused, and the next one runs")
    func refused() {
        var machine = ready()
        #expect(
            brief(machine.handle(.request(request(1, "execute_request", ["code": 5]))))
                == ["1 busy", "1 execute_reply error", "1 idle"])
        #expect(machine.executionCount == 0)
        let next = machine.handle(.request(request(2, "execute_request", ["code": "a"])))
        #expect(brief(next) == ["2 busy", "remember 1", "2 execute_input", "2 → execute_request"])
    }

    @Test("A death ends what runs, answers what waits, and says so")
    func death() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "execute_request", ["code": "a"])))
        _ = machine.handle(.request(request(2, "execute_request", ["code": "b"])))
        #expect(
            brief(machine.handle(.death(.process(.signalled(11))))) == [
                "1 error", "1 idle", "2 busy", "2 execute_reply error", "2 idle", "0 dead",
            ])
    }

    @Test("Blank cells, and cells that are not stored, are shown under a number that they do not use up")
    func uncounted() {
        var machine = ready()
        for (number, content) in [
            (1, ["code": " \u{1c}\n"]), (2, ["code": "a", "store_history": false]), (3, ["code": "a"]),
        ] as [(UInt64, JSONValue)] {
            let outputs = machine.handle(.request(request(number, "execute_request", content)))
            let shown = outputs.compactMap { output -> Int64? in
                guard case .publish("execute_input", _, let content) = output else { return nil }
                return (try? JSONValue(parsing: content))?["execution_count"]?.integerValue
            }
            #expect(shown == [1])
            #expect(machine.executionCount == (number == 3 ? 1 : 0))
            let count = JSONValue.integer(number == 3 ? 1 : 0)
            _ = machine.handle(said(number, "execute_reply", ["status": "ok", "execution_count": count]))
        }
        _ = machine.handle(.request(request(4, "execute_request", ["code": "a"])))
        _ = machine.handle(said(4, "execute_reply", ["status": "ok", "execution_count": 40]))
        #expect(machine.executionCount == 40)
    }

    @Test("A kernel that ends by itself on a user's wish has not died")
    func exits() {
        var machine = ready()
        #expect(brief(machine.handle(said(0, "exiting"))) == ["end"])
        #expect(machine.handle(.death(.requested)).isEmpty)
    }

    @Test("Silent cells neither count nor show")
    func silent() {
        var machine = ready()
        let outputs = machine.handle(.request(request(1, "execute_request", ["code": "a", "silent": true])))
        #expect(brief(outputs) == ["1 busy", "1 → execute_request"])
        #expect(machine.executionCount == 0)
    }

    func onSubshell(_ number: UInt64, _ type: String, _ subshell: String, _ content: JSONValue = [:]) -> ClientRequest {
        var request = request(number, type, content)
        request.subshell = subshell
        return request
    }

    @Test("Subshells run beside the main shell, and errors abort only what waits behind them")
    func subshells() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "execute_request", ["code": "a"])))
        let made = machine.handle(.request(request(2, "create_subshell_request", on: .control)))
        #expect(brief(made) == ["2 → create_subshell", "2 busy", "2 create_subshell_reply ok", "2 idle"])
        let name = machine.subshells[0]
        let begun = machine.handle(.request(onSubshell(3, "execute_request", name, ["code": "b"])))
        #expect(brief(begun) == ["3 busy", "remember 2", "3 execute_input", "3 → execute_request"])
        #expect(machine.handle(.request(onSubshell(4, "execute_request", name, ["code": "c"]))).isEmpty)
        #expect(machine.handle(.request(request(5, "execute_request", ["code": "d"]))).isEmpty)
        #expect(
            brief(machine.handle(said(3, "execute_reply", ["status": "error"])))
                == ["3 idle", "4 busy", "4 execute_reply aborted", "4 idle"])
        #expect(
            brief(machine.handle(said(1, "execute_reply", ["status": "ok"])))
                == ["1 idle", "5 busy", "remember 3", "5 execute_input", "5 → execute_request"])
    }

    @Test("A subshell's deletion waits for its cell, and what waits behind that is aborted")
    func deletion() {
        var machine = ready()
        _ = machine.handle(.request(request(1, "create_subshell_request", on: .control)))
        let name = machine.subshells[0]
        _ = machine.handle(.request(onSubshell(2, "execute_request", name, ["code": "b"])))
        _ = machine.handle(.request(onSubshell(3, "execute_request", name, ["code": "c"])))
        let wanted: JSONValue = ["subshell_id": .string(name)]
        #expect(
            brief(machine.handle(.request(request(4, "delete_subshell_request", wanted, on: .control))))
                == ["3 busy", "3 execute_reply aborted", "3 idle"])
        #expect(
            brief(machine.handle(.request(request(5, "delete_subshell_request", wanted, on: .control))))
                == ["5 busy", "5 delete_subshell_reply error", "5 idle"])
        #expect(
            brief(machine.handle(said(2, "execute_reply", ["status": "ok"])))
                == ["2 idle", "4 → delete_subshell", "4 busy", "4 delete_subshell_reply ok", "4 idle"])
        #expect(
            brief(machine.handle(.request(onSubshell(6, "execute_request", name, ["code": "d"]))))
                == ["6 busy", "6 execute_reply error", "6 idle"])
        #expect(brief(machine.handle(.request(onSubshell(7, "comm_msg", name)))) == ["7 busy", "7 idle"])
    }

    @Test("The state comes back from its own encoding")
    func encoding() throws {
        var machine = ready()
        _ = machine.handle(.request(request(1, "create_subshell_request", on: .control)))
        let name = machine.subshells[0]
        _ = machine.handle(.request(request(2, "execute_request", ["code": "a"])))
        _ = machine.handle(.request(onSubshell(3, "execute_request", name, ["code": "b"])))
        _ = machine.handle(.request(onSubshell(4, "execute_request", name, ["code": "c"])))
        var writer = WireWriter()
        machine.encode(into: &writer)
        var reader = WireReader(writer.bytes)
        var restored = try SessionMachine(ports: [:], from: &reader)
        for input in [said(3, "execute_reply", ["status": "ok"]), said(2, "execute_reply", ["status": "ok"])] {
            #expect(restored.handle(input) == machine.handle(input))
        }
        #expect(restored.executionCount == 3 && restored.subshells == [name])
    }
}
