/// Puts fragments together. Pure: frames in, texts and messages out.
public struct MessageAssembler: Sendable {
    /// What a frame completed.
    public enum Output: Hashable, Sendable {
        /// Text that the code printed.
        case text(kind: ChannelFrame.Kind, request: UInt64, bytes: [UInt8])
        /// A whole message.
        case message(request: UInt64, ChannelMessage)
    }

    private var partial: [UInt8] = []
    private var partialRequest: UInt64?

    /// An assembler at a message's beginning.
    public init() {}

    /// Whether no message is half there.
    public var isEmpty: Bool { partialRequest == nil }

    /// Takes the next frame; nil while a message is not whole.
    public mutating func add(_ frame: ChannelFrame) throws(ChannelViolation) -> Output? {
        guard frame.kind == .message else {
            guard isEmpty, !frame.hasMoreFragments else { throw .malformed("order of fragments") }
            return .text(kind: frame.kind, request: frame.request, bytes: frame.payload)
        }
        if let request = partialRequest, request != frame.request { throw .malformed("order of fragments") }
        guard partial.count + frame.payload.count <= ChannelLayout.maximumMessage else { throw .tooLarge }
        if partial.isEmpty, !frame.hasMoreFragments {
            partialRequest = nil
            return .message(request: frame.request, try ChannelMessage(decoding: frame.payload))
        }
        partial.append(contentsOf: frame.payload)
        partialRequest = frame.request
        if frame.hasMoreFragments { return nil }
        defer {
            partial = []
            partialRequest = nil
        }
        return .message(request: frame.request, try ChannelMessage(decoding: partial))
    }
}
