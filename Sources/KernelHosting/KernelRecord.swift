import KeeperWire

/// What the server remembers of a kernel for its next start.
struct KernelRecord: Hashable, Sendable {
    /// How far a kernel has come in its life, for a server that finds it after a kill.
    enum Phase: Int64, Sendable {
        /// Its interpreter may have been started, or not.
        case starting
        case living
        /// Somebody has asked for its end.
        case ending
    }

    /// The kernel's id in the API.
    let id: String
    let origin: KernelOrigin
    /// How many interpreters it has had; the name of the current one's journal has it.
    var generation: UInt64 = 1
    /// How many numbers the events of the earlier ones have.
    var base: UInt64 = 0
    var phase = Phase.living
    /// The session id of the current interpreter.
    var session: String?
    /// Why the current interpreter has ended; nil while it lives.
    var death: Death?
    /// What clients have shown to have, by their names.
    private(set) var positions: [String: UInt64] = [:]
    /// The names, those that were noted first in front.
    private var names: [String] = []

    /// How many clients are known; the oldest one is forgotten.
    private static let clients = 64

    init(
        id: String, origin: KernelOrigin, generation: UInt64 = 1, base: UInt64 = 0, phase: Phase = .living,
        positions: [String: UInt64] = [:]
    ) {
        self.id = id
        self.origin = origin
        self.generation = generation
        self.base = base
        self.phase = phase
        self.positions = positions
        names = positions.sorted { $0.value < $1.value }.map(\.key)
    }

    /// Notes what a client has. Returns whether that is news.
    mutating func note(_ client: String, has sequence: UInt64) -> Bool {
        guard positions.updateValue(sequence, forKey: client) != sequence else { return false }
        names.removeAll { $0 == client }
        names.append(client)
        if names.count > KernelRecord.clients { positions[names.removeFirst()] = nil }
        return true
    }

    /// The current interpreter's kernel, as the keeper knows it.
    var kernelName: String { "\(id)-\(generation)" }
}
