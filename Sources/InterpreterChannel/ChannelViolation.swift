/// What an interpreter did that no correct one does. It ends that kernel and nothing else.
public enum ChannelViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// The memory is not a channel, or one of another version.
    case layout(String)
    /// A head or a tail is impossible.
    case position(String)
    /// A frame is longer than allowed or than what has been written.
    case length(UInt64)
    /// A frame has a kind or flags that do not exist.
    case kind(UInt8)
    /// Frames are missing or repeated.
    case number(expected: UInt64, found: UInt64)
    /// A message is larger than allowed.
    case tooLarge
    /// A message's parts do not fit it.
    case malformed(String)

    /// A stable name for programs.
    public var code: String { "channel_violation" }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .layout(let what): "the channel's memory is not usable: \(what)"
        case .position(let what): "the channel's \(what) is impossible"
        case .length(let length): "a frame claims \(length) bytes"
        case .kind(let kind): "a frame has the unknown kind \(kind)"
        case .number(let expected, let found): "frame \(found) came where frame \(expected) belongs"
        case .tooLarge: "a message is larger than \(ChannelLayout.maximumMessage >> 20) MiB"
        case .malformed(let what): "a message has no valid \(what)"
        }
    }
}
