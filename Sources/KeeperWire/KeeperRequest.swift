/// What a server asks of the keeper. Requests on one connection are answered in order.
public enum KeeperRequest: Hashable, Sendable {
    /// The first message: the version.
    case hello
    /// Start a kernel; carries the descriptors of ``KernelDescriptor``.
    case start(KernelOrder)
    /// Take over a kernel whose server has gone.
    case adopt(kernel: String)
    /// Keep the descriptors that came along (the kernel's listening sockets) for a later server.
    case deposit(kernel: String)
    /// Send SIGINT to the interpreter's process group.
    case interrupt(kernel: String)
    /// End a kernel, and its sandbox when it was the last one there.
    case end(kernel: String)
    /// Name all kernels.
    case list
    /// End a kernel, whoever has it: an operator's wish.
    case stop(kernel: String)
    /// Look often at what the sandboxes use: a cell takes its time.
    case look

    /// The bytes of the message.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        switch self {
        case .hello: writer.appendHello()
        case .start(let order):
            writer.append(UInt8(1))
            order.encode(into: &writer)
        case .adopt(let kernel): KeeperRequest.append(2, kernel, to: &writer)
        case .deposit(let kernel): KeeperRequest.append(3, kernel, to: &writer)
        case .interrupt(let kernel): KeeperRequest.append(4, kernel, to: &writer)
        case .end(let kernel): KeeperRequest.append(5, kernel, to: &writer)
        case .list: writer.append(UInt8(6))
        case .stop(let kernel): KeeperRequest.append(7, kernel, to: &writer)
        case .look: writer.append(UInt8(8))
        }
        return writer.bytes
    }

    /// Reads a message.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let kind = try reader.kind()
        switch kind {
        case 0: self = .hello
        case 1: self = .start(try KernelOrder(from: &reader))
        case 2: self = .adopt(kernel: try reader.string())
        case 3: self = .deposit(kernel: try reader.string())
        case 4: self = .interrupt(kernel: try reader.string())
        case 5: self = .end(kernel: try reader.string())
        case 6: self = .list
        case 7: self = .stop(kernel: try reader.string())
        case 8: self = .look
        default: throw .unknownKind(kind)
        }
        try reader.finish()
    }

    private static func append(_ kind: UInt8, _ kernel: String, to writer: inout WireWriter) {
        writer.append(kind)
        writer.append(kernel)
    }
}
