public import JupyterProtocol

/// A message on its way to clients, before a transport gives it a signature.
public struct OutgoingMessage: Hashable, Sendable {
    /// Its place in the kernel's journal, from which its id is made.
    public var sequence: UInt64
    /// Microseconds since 1970.
    public var time: Int64
    /// The message type.
    public var type: String
    /// The header of the request that it answers, `{}` for none.
    public var parentHeader: [UInt8]
    /// The metadata object.
    public var metadata: [UInt8]
    /// The content object.
    public var content: [UInt8]
    /// Binary buffers.
    public var buffers: [[UInt8]]
    /// How many records were dropped of which this message tells; 0 for one that tells something else.
    public var dropped: UInt64 = 0
    /// What is added to the id of a message that may have been told before; empty otherwise. Jupyter's clients throw at
    /// a signature that they have seen, and take no notice of another reply.
    public var copy = ""

    /// The message of a kernel with this session id, for a transport to sign or to frame.
    public func wire(session: String, identities: [[UInt8]] = []) -> WireMessage {
        WireMessage(
            identities: identities,
            header: MessageHeader(
                id: "\(session)_\(sequence)\(copy)", session: session, username: "husk",
                date: Timestamp.iso8601(microseconds: time), type: type),
            parentHeader: parentHeader, metadata: metadata, content: content, buffers: buffers)
    }
}
