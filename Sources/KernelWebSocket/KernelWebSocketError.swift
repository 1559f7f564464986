public import JupyterProtocol

/// Why a client's WebSocket message is no message to a kernel, or one to a client cannot be written.
public enum KernelWebSocketError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A part is missing or no JSON object.
    case message(WireMessageError)
    /// A text message where the framing has binary ones only.
    case text
    /// The table of offsets leads outside of the message, backwards, or into itself.
    case offsets
    /// The number of parts in the table.
    case partCount(UInt64)
    /// Buffers in a text message, which cannot carry any.
    case buffersInText
    /// A channel that no kernel has, or that clients may not send on.
    case channel(String)
    /// More than 32 bits of offset can reach.
    case tooLong

    /// With what the connection ends (RFC 6455, section 7.4.1); nil when only the message is dropped, as Jupyter
    /// Server does with channels it does not know.
    public var closeCode: UInt16? {
        switch self {
        case .channel: nil
        case .text: 1003
        case .tooLong: 1009
        case .message, .offsets, .partCount, .buffersInText: 1007
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .message(let error): error.description
        case .text: "a text message in a binary protocol"
        case .offsets: "offsets that do not fit the message"
        case .partCount(let count): "\(count) parts in a message"
        case .buffersInText: "buffers in a text message"
        case .channel(let name): "no such channel: \(name)"
        case .tooLong: "a message that is too long for its framing"
        }
    }
}
