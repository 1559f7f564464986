/// What the keeper and a warm host tell each other.
public enum HostMessage: Hashable, Sendable {
    /// The host is warm and has one thread; or it could not get there, and says why.
    case ready(failure: String)
    /// Fork an interpreter. Carries the pidfd of the sandbox's PID 1, then the descriptors 0 to 8 of the
    /// interpreter, the seccomp program, and the sandbox's `cgroup.procs` files.
    case fork(EntrySpec)
    /// The interpreter's pid as the keeper sees it, or a negated errno value.
    case forked(pid: Int32)
    /// Join the control groups of a sandbox to come, so that what is forked next is in them. Carries their
    /// `cgroup.procs` files.
    case sit
    /// The host has joined them, or could not.
    case seated(Bool)

    /// The bytes of the message.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        switch self {
        case .ready(let failure):
            writer.appendHello()
            writer.append(failure)
        case .fork(let entry):
            writer.append(UInt8(1))
            entry.encode(into: &writer)
        case .forked(let pid):
            writer.append(UInt8(2))
            writer.append(pid)
        case .sit: writer.append(UInt8(3))
        case .seated(let hasJoined):
            writer.append(UInt8(4))
            writer.append(hasJoined)
        }
        return writer.bytes
    }

    /// Reads a message.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let kind = try reader.kind()
        switch kind {
        case 0: self = .ready(failure: try reader.string())
        case 1: self = .fork(try EntrySpec(from: &reader))
        case 2: self = .forked(pid: try reader.integer())
        case 3: self = .sit
        case 4: self = .seated(try reader.boolean())
        default: throw .unknownKind(kind)
        }
        try reader.finish()
    }
}
