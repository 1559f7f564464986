/// One frame of a channel, copied out of the shared memory.
public struct ChannelFrame: Hashable, Sendable {
    /// What a payload is.
    public enum Kind: UInt8, Hashable, Sendable {
        /// A message or a fragment of one.
        case message = 1
        /// Text of standard output.
        case standardOutput = 2
        /// Text of standard error.
        case standardError = 3
    }

    /// What the payload is.
    public var kind: Kind
    /// Whether the message goes on in the next frame.
    public var hasMoreFragments: Bool
    /// 1, 2, 3, … within its direction.
    public var number: UInt64
    /// The request that it concerns, 0 for none.
    public var request: UInt64
    /// The bytes.
    public var payload: [UInt8]

    /// Describes a frame.
    public init(kind: Kind, hasMoreFragments: Bool, number: UInt64, request: UInt64, payload: [UInt8]) {
        self.kind = kind
        self.hasMoreFragments = hasMoreFragments
        self.number = number
        self.request = request
        self.payload = payload
    }
}
