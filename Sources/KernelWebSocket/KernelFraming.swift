import JupyterProtocol

/// How messages of a kernel's channels are put into messages of a WebSocket (Jupyter Server, "WebSocket kernel wire
/// protocols").
public enum KernelFraming: Hashable, Sendable {
    /// JSON with all parts; with buffers a binary message of 32-bit big-endian offsets, the JSON, and the buffers.
    case legacy
    /// Binary messages of 64-bit little-endian offsets and the parts as they are.
    case version1

    /// The name by which clients and servers agree on `version1`.
    public static let version1Name = "v1.kernel.websocket.jupyter.org"

    /// Parts of a message that are accepted; a buffer of a widget is one part.
    static let maximumParts = 1 << 16

    /// The framing for a client that offers these subprotocols (`Sec-WebSocket-Protocol`).
    public init(offered: [String]) {
        self = offered.contains(KernelFraming.version1Name) ? .version1 : .legacy
    }

    /// The subprotocol to answer with; nil for none.
    public var subprotocol: String? { self == .version1 ? KernelFraming.version1Name : nil }

    /// Reads a client's message.
    ///
    /// Clients leave out the channel (then it is the shell), the parent header, the metadata and the content, and are
    /// let.
    public func decode(_ payload: WebSocketPayload) throws(KernelWebSocketError) -> KernelWebSocketMessage {
        let message: KernelWebSocketMessage
        switch (self, payload) {
        case (.legacy, .text(let bytes)): message = try LegacyFraming.decode(text: bytes)
        case (.legacy, .binary(let bytes)): message = try LegacyFraming.decode(binary: bytes)
        case (.version1, .binary(let bytes)): message = try Version1Framing.decode(bytes)
        case (.version1, .text): throw .text
        }
        guard message.channel != .iopub else { throw .channel("iopub") }
        return message
    }

    /// Writes a message to a client.
    ///
    /// - Parameter sequence: put into the metadata as `husk.seq`: the place in the kernel's journal, by which a client
    ///   that comes back says what it has seen.
    public func encode(
        _ message: KernelWebSocketMessage, sequence: UInt64? = nil
    ) throws(KernelWebSocketError) -> WebSocketPayload {
        var message = message
        if let sequence {
            do { message.message.metadata = try MetadataMark.add(sequence, to: message.message.metadata) } catch {
                throw .message(error)
            }
        }
        switch self {
        case .legacy: return try LegacyFraming.encode(message)
        case .version1: return .binary(Version1Framing.encode(message))
        }
    }
}
