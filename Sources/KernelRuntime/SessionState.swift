import JupyterProtocol
import KeeperWire

extension SessionMachine {
    /// The whole state, for the journal: a ring that has gone round still begins with one of these.
    func encode(into writer: inout WireWriter) {
        writer.append(memory.all) { $1.encode(into: &$0) }
        writer.append(UInt64(executionCount))
        writer.append(isEnding)
        writer.append(hello != nil)
        if let hello { writer.append(blob: hello.encoded()) }
        writer.append(blob: controlHeader)
        writer.append(asking.sorted()) { $0.append($1) }
        writer.append(aside.keys.sorted()) { $0.append($1) }
        writer.append(waitingForHello) { $0.append($1.number) }
        main.encode(into: &writer)
        control.encode(into: &writer)
        writer.append(subshells) { writer, name in
            writer.append(name)
            lanes[.subshell(name)]?.encode(into: &writer)
        }
    }

    /// The machine at the time of `encode`.
    init(ports: JSONValue, from reader: inout WireReader) throws(WireError) {
        self.init(ports: ports)
        for request in try reader.list({ reader throws(WireError) in try ClientRequest(from: &reader) }) {
            memory.remember(request)
        }
        let known = memory.byNumber
        executionCount = Int(clamping: try reader.integer(UInt64.self))
        isEnding = try reader.boolean()
        if try reader.boolean() { hello = try? JSONValue(parsing: try reader.blob()) }
        controlHeader = try reader.blob()
        asking = Set(try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) })
        for number in try reader.list({ reader throws(WireError) in try reader.integer(UInt64.self) }) {
            aside[number] = known[number]
        }
        let waiting = try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) }
        waitingForHello = waiting.compactMap { known[$0] }
        lanes[.main] = try RequestLane(from: &reader, known: known)
        lanes[.control] = try RequestLane(from: &reader, known: known)
        let others = try reader.list { reader throws(WireError) in
            (name: try reader.string(), lane: try RequestLane(from: &reader, known: known))
        }
        for (name, lane) in others {
            subshells.append(name)
            lanes[.subshell(name)] = lane
        }
    }
}
