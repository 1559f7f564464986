import InterpreterChannel
public import JupyterProtocol

/// Somebody who watches how cells fare, each from the moment that it is accepted. It hears of no output.
///
/// Called on the kernel's thread, for cells that this server has accepted.
public protocol CellObserver: AnyObject {
    /// A cell has been accepted, and waits.
    func accepted(_ cell: ClientRequest)

    /// A cell is handed to the interpreter.
    func began(_ number: UInt64)

    /// A cell has been executed: what its client is told beside the reply.
    func used(_ number: UInt64, _ facts: JSONValue)

    /// A cell is answered, with this content; one that ends with its kernel is not.
    func answered(_ number: UInt64, _ content: [UInt8])

    /// A cell is through.
    func ended(_ number: UInt64)
}

extension KernelServer {
    private static let idle = Array(#"{"execution_state":"idle"}"#.utf8)

    /// Tells the observer what comes in.
    func observe(_ input: SessionMachine.Input) {
        guard let cellObserver else { return }
        switch input {
        case .request(let request) where request.type == "execute_request": cellObserver.accepted(request)
        case .message(let request, let message) where message.type == "execute_reply":
            cellObserver.answered(request, message.content)
        default: break
        }
    }

    /// Tells the observer what follows.
    func observe(_ output: SessionMachine.Output) {
        guard let cellObserver else { return }
        switch output {
        case .send(let request, let message) where message.type == "execute_request": cellObserver.began(request)
        case .reply("execute_reply", let request, let content): cellObserver.answered(request, content)
        case .publish("status", let request, KernelServer.idle): cellObserver.ended(request)
        default: break
        }
    }
}
