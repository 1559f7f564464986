/// What the keeper tells a server: the answer to a request, or what happened to a kernel meanwhile.
public enum KeeperReply: Hashable, Sendable {
    /// The answer to a hello.
    case hello(pid: Int32)
    /// A request without a result of its own is done.
    case done
    /// The kernel runs, or has ended without anybody to tell (`ended`). After an adoption the kernel's
    /// descriptors come along, those of ``KernelDescriptor/adopted``, and behind them those that were deposited.
    case running(kernel: KernelFacts)
    /// The request cannot be met.
    case refused(code: String, reason: String)
    /// Some of the kernels that the keeper has; `done` follows the last of them.
    case kernels([KernelFacts])
    /// Not an answer: the interpreter or its sandbox has ended.
    case ended(kernel: String, death: Death)

    /// The bytes of the message.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        switch self {
        case .hello(let pid):
            writer.appendHello()
            writer.append(pid)
        case .done: writer.append(UInt8(1))
        case .running(let facts):
            writer.append(UInt8(2))
            facts.encode(into: &writer)
        case .refused(let code, let reason):
            writer.append(UInt8(3))
            writer.append(code)
            writer.append(reason)
        case .kernels(let list):
            writer.append(UInt8(5))
            writer.append(list) { $1.encode(into: &$0) }
        case .ended(let kernel, let death):
            writer.append(UInt8(4))
            writer.append(kernel)
            death.encode(into: &writer)
        }
        return writer.bytes
    }

    /// Reads a message.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let kind = try reader.kind()
        switch kind {
        case 0: self = .hello(pid: try reader.integer())
        case 1: self = .done
        case 2: self = .running(kernel: try KernelFacts(from: &reader))
        case 3: self = .refused(code: try reader.string(), reason: try reader.string())
        case 4: self = .ended(kernel: try reader.string(), death: try Death(from: &reader))
        case 5: self = .kernels(try reader.list { reader throws(WireError) in try KernelFacts(from: &reader) })
        default: throw .unknownKind(kind)
        }
        try reader.finish()
    }
}
