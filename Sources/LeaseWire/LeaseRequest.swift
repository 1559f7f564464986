public import KeeperWire

/// What the owner of a kernel asks of the server that runs it.
///
/// The connection is the lease: the kernel ends when its owner closes it, by a wish or by its own end.
public enum LeaseRequest: Hashable, Sendable {
    /// The first message: the version.
    case hello
    /// Run a kernel; carries a listening socket for each socket of its connection file.
    ///
    /// - ids: it gets the first of them that no kernel has.
    /// - connection: the connection file, with every port known.
    case start(ids: [String], connection: [UInt8], LeaseTerms)
    /// Go on with the lease of a kernel that an earlier server has run.
    case resume(id: String)
    /// Interrupt what runs.
    case interrupt
    /// End the kernel.
    case end
    /// Answer once the ports are free of all kernels whose owners have gone.
    case settle
    /// Open the sockets of a kernel, whoever owns it; the answer is its connection file.
    case connect(id: String)

    /// The bytes of the message.
    public var encoded: [UInt8] {
        var writer = WireWriter()
        switch self {
        case .hello: writer.appendHello()
        case .start(let ids, let connection, let terms):
            writer.append(UInt8(1))
            writer.append(ids)
            writer.append(blob: connection)
            terms.encode(into: &writer)
        case .resume(let id):
            writer.append(UInt8(2))
            writer.append(id)
        case .interrupt: writer.append(UInt8(3))
        case .end: writer.append(UInt8(4))
        case .settle: writer.append(UInt8(5))
        case .connect(let id):
            writer.append(UInt8(6))
            writer.append(id)
        }
        return writer.bytes
    }

    /// Reads a message.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let kind = try reader.kind()
        switch kind {
        case 0: self = .hello
        case 1:
            self = .start(ids: try reader.strings(), connection: try reader.blob(), try LeaseTerms(from: &reader))
        case 2: self = .resume(id: try reader.string())
        case 3: self = .interrupt
        case 4: self = .end
        case 5: self = .settle
        case 6: self = .connect(id: try reader.string())
        default: throw .unknownKind(kind)
        }
        try reader.finish()
    }
}
