public import JupyterProtocol
import KeeperWire

/// A request of a client, numbered in the order in which the kernel accepted it.
public struct ClientRequest: Hashable, Sendable {
    /// Where the request came in and its reply goes out.
    public enum Origin: UInt8, Hashable, Sendable {
        /// The shell socket.
        case shell = 0
        /// The control socket.
        case control = 1
        /// A client in this process.
        case local = 2
    }

    /// 1, 2, 3, … within a kernel; 0 until the kernel has accepted it.
    public var number: UInt64
    /// Where it came from.
    public var origin: Origin
    /// The routing prefix of its sender.
    public var identities: [[UInt8]]
    /// The message type.
    public var type: String
    /// The header as it came: the parent of everything that answers it.
    public var header: [UInt8]
    /// The metadata object as it came.
    public var metadata: [UInt8]
    /// The content object as it came.
    public var content: [UInt8]
    /// Binary buffers.
    public var buffers: [[UInt8]]
    /// The subshell that it is for; nil is the main shell.
    public var subshell: String?

    /// Describes a request that nobody has accepted yet.
    public init(
        origin: Origin, identities: [[UInt8]], type: String, header: [UInt8], metadata: [UInt8], content: [UInt8],
        buffers: [[UInt8]] = [], subshell: String? = nil
    ) {
        number = 0
        self.origin = origin
        self.identities = identities
        self.type = type
        self.header = header
        self.metadata = metadata
        self.content = content
        self.buffers = buffers
        self.subshell = subshell
    }

    /// The request of a signed message.
    public init(_ message: WireMessage, origin: Origin) {
        self.init(
            origin: origin, identities: message.identities, type: message.header.type, header: message.header.raw,
            metadata: message.metadata, content: message.content, buffers: message.buffers,
            subshell: message.header.subshellID)
    }

    /// Bytes of what it carries.
    var size: Int { buffers.reduce(content.count) { $0 + $1.count } }

    func encode(into writer: inout WireWriter) {
        writer.append(number)
        writer.append(origin.rawValue)
        writer.append(identities) { $0.append(blob: $1) }
        writer.append(type)
        writer.append(blob: header)
        writer.append(blob: metadata)
        writer.append(blob: content)
        writer.append(buffers) { $0.append(blob: $1) }
        writer.append(subshell != nil)
        if let subshell { writer.append(subshell) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        number = try reader.integer()
        guard let origin = Origin(rawValue: try reader.integer()) else { throw .malformed("origin") }
        self.origin = origin
        identities = try reader.list { reader throws(WireError) in try reader.blob() }
        type = try reader.string()
        header = try reader.blob()
        metadata = try reader.blob()
        content = try reader.blob()
        buffers = try reader.list { reader throws(WireError) in try reader.blob() }
        subshell = try reader.boolean() ? try reader.string() : nil
    }
}
