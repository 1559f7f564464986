import InterpreterChannel
import JupyterProtocol

/// Subshells (JEP 91): lanes that clients make and delete.
extension SessionMachine {
    mutating func createSubshell(_ request: ClientRequest, _ outputs: inout [Output]) {
        let header = (try? JSONValue(parsing: request.header)) ?? [:]
        // Clients' ids are unique, but nobody has promised that; the number is.
        let name = "\(request.number)-\(header["msg_id"]?.stringValue?.prefix(64) ?? "")"
        subshells.append(name)
        lanes[.subshell(name)] = RequestLane()
        tellOfSubshell("create_subshell", name, request, &outputs)
        answer(request, ["status": "ok", "subshell_id": .string(name)], &outputs)
    }

    mutating func deleteSubshell(_ request: ClientRequest, _ outputs: inout [Output]) {
        let content = (try? JSONValue(parsing: request.content)) ?? [:]
        let name = content["subshell_id"]?.stringValue ?? ""
        guard let lane = lanes[.subshell(name)], lane.deletion == nil else {
            status("busy", request.number, &outputs)
            return refuse(request, "UnknownSubshellError", "Unknown subshell_id '\(name)'", &outputs)
        }
        abort(.subshell(name), { _ in true }, &outputs)
        lanes[.subshell(name)]?.deletion = request
        if lane.running == nil { endSubshell(name, for: request, &outputs) }
    }

    mutating func endSubshell(_ name: String, for request: ClientRequest, _ outputs: inout [Output]) {
        subshells.removeAll { $0 == name }
        lanes[.subshell(name)] = nil
        tellOfSubshell("delete_subshell", name, request, &outputs)
        answer(request, ["status": "ok"], &outputs)
    }

    private func tellOfSubshell(
        _ type: String, _ name: String, _ request: ClientRequest, _ outputs: inout [Output]
    ) {
        let content: JSONValue = ["subshell_id": .string(name)]
        outputs.append(.send(request: request.number, ChannelMessage(type: type, content: content.encoded())))
    }

    func refuseLane(_ request: ClientRequest, _ outputs: inout [Output]) {
        guard SessionMachine.hasReply(request) else { return acknowledge(request, &outputs) }
        status("busy", request.number, &outputs)
        refuse(request, "UnknownSubshellError", "Unknown subshell_id '\(request.subshell ?? "")'", &outputs)
    }
}
