public import KeeperWire

/// What a server tells the owner of a kernel.
public enum LeaseReply: Hashable, Sendable {
    /// The answer to a hello.
    case hello
    /// The kernel runs.
    ///
    /// - id: its id with the server.
    /// - kernel: its name with the keeper.
    case running(id: String, kernel: String)
    /// The request cannot be met, for the reason that a user is told.
    case refused(String)
    /// All ports are free of kernels whose owners have gone.
    case settled
    /// Not an answer: the kernel has ended, and its ports are free.
    ///
    /// - lastWords: why it could not start, if that is known.
    case ended(Death, lastWords: String)
    /// Not an answer: what the user should know and cannot see, a sentence.
    case notice(String)
    /// The connection file of a kernel.
    case connection([UInt8])

    /// The bytes of the message.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        switch self {
        case .hello: writer.appendHello()
        case .running(let id, let kernel):
            writer.append(UInt8(1))
            writer.append(id)
            writer.append(kernel)
        case .refused(let reason):
            writer.append(UInt8(2))
            writer.append(reason)
        case .settled: writer.append(UInt8(3))
        case .ended(let death, let lastWords):
            writer.append(UInt8(4))
            death.encode(into: &writer)
            writer.append(lastWords)
        case .notice(let text):
            writer.append(UInt8(5))
            writer.append(text)
        case .connection(let bytes):
            writer.append(UInt8(6))
            writer.append(blob: bytes)
        }
        return writer.bytes
    }

    /// Reads a message.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let kind = try reader.kind()
        switch kind {
        case 0: self = .hello
        case 1: self = .running(id: try reader.string(), kernel: try reader.string())
        case 2: self = .refused(try reader.string())
        case 3: self = .settled
        case 4: self = .ended(try Death(from: &reader), lastWords: try reader.string())
        case 5: self = .notice(try reader.string())
        case 6: self = .connection(try reader.blob())
        default: throw .unknownKind(kind)
        }
        try reader.finish()
    }
}
