public import JupyterProtocol

/// A message and the channel it goes over. Its signature is empty: a WebSocket has none.
public struct KernelWebSocketMessage: Hashable, Sendable {
    /// The channel.
    public var channel: KernelChannel
    /// The message.
    public var message: WireMessage

    /// Makes a message to send.
    public init(channel: KernelChannel, message: WireMessage) {
        self.channel = channel
        self.message = message
    }

    /// Puts a client's parts together; those but the header may be missing.
    init(
        channel: String?, header: [UInt8], parentHeader: [UInt8]?, metadata: [UInt8]?, content: [UInt8]?,
        buffers: [[UInt8]]
    ) throws(KernelWebSocketError) {
        guard let known = KernelChannel(rawValue: channel ?? KernelChannel.shell.rawValue) else {
            throw .channel(String((channel ?? "").prefix(64)))
        }
        let parsed: MessageHeader
        do { parsed = try MessageHeader(parsing: header) } catch { throw .message(error) }
        self.channel = known
        message = WireMessage(
            identities: [], header: parsed,
            parentHeader: try KernelWebSocketMessage.object(parentHeader, "parent header"),
            metadata: try KernelWebSocketMessage.object(metadata, "metadata"),
            content: try KernelWebSocketMessage.object(content, "content"), buffers: buffers)
    }

    private static func object(_ bytes: [UInt8]?, _ part: String) throws(KernelWebSocketError) -> [UInt8] {
        guard let bytes, !bytes.isEmpty, bytes != Array("null".utf8) else { return Array("{}".utf8) }
        let isObject: Bool
        do { isObject = try JSONCheck.isObject(bytes) } catch { throw .message(.notJSON(part: part, "\(error)")) }
        guard isObject else { throw .message(.notAnObject(part: part)) }
        return bytes
    }
}
