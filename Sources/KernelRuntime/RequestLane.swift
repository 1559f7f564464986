import DequeModule
import KeeperWire

/// Requests that are handled one after the other.
struct RequestLane {
    /// Which lane.
    enum Name: Hashable, Comparable {
        /// The main shell.
        case main
        /// What of the control channel only the interpreter can answer.
        case control
        /// A subshell (JEP 91).
        case subshell(String)
    }

    /// Requests that wait, the next one first.
    var queue: Deque<ClientRequest> = []
    /// The request that the interpreter works on.
    var running: ClientRequest?
    /// Whether the running cell awaits: it may be waiting for what a comm brings.
    var isAwaiting = false
    /// Whether an error of the running cell aborts the cells that wait.
    var stopsOnError = true
    /// The execution count of the running cell.
    var line = 0
    /// Who asked for the lane's end, which waits for the end of the running request.
    var deletion: ClientRequest?

    /// Takes out the requests that fulfil a condition, in order.
    mutating func take(where isWanted: (ClientRequest) -> Bool) -> [ClientRequest] {
        let taken = Array(queue.filter(isWanted))
        queue.removeAll(where: isWanted)
        return taken
    }

    /// The running request is through.
    mutating func finish() {
        running = nil
        isAwaiting = false
    }
}

extension RequestLane {
    func encode(into writer: inout WireWriter) {
        writer.append(Array(queue)) { $0.append($1.number) }
        writer.append(running?.number ?? 0)
        writer.append(isAwaiting)
        writer.append(stopsOnError)
        writer.append(UInt64(line))
        writer.append(deletion?.number ?? 0)
    }

    /// The lane at the time of `encode`, with the requests of `known`.
    init(from reader: inout WireReader, known: [UInt64: ClientRequest]) throws(WireError) {
        let queued = try reader.list { reader throws(WireError) in try reader.integer(UInt64.self) }
        queue = Deque(queued.compactMap { known[$0] })
        running = known[try reader.integer(UInt64.self)]
        isAwaiting = try reader.boolean()
        stopsOnError = try reader.boolean()
        line = Int(clamping: try reader.integer(UInt64.self))
        deletion = known[try reader.integer(UInt64.self)]
    }
}
