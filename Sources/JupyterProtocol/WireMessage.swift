/// One Jupyter message as it travels over ZeroMQ (Jupyter messaging, "Wire protocol").
///
/// Everything but the header stays as bytes: who only forwards a message does not pay for parsing it.
public struct WireMessage: Hashable, Sendable {
    /// The routing prefix, outermost first; the topic on iopub.
    public var identities: [[UInt8]]
    /// The header.
    public var header: MessageHeader
    /// The header of the request that this answers, `{}` for none.
    public var parentHeader: [UInt8]
    /// The metadata object.
    public var metadata: [UInt8]
    /// The content object.
    public var content: [UInt8]
    /// Binary buffers, outside the signature.
    public var buffers: [[UInt8]]
    /// The signature that came with it; empty for one that is made here.
    public private(set) var signature: [UInt8] = []

    static let delimiter = Array("<IDS|MSG>".utf8)

    /// Makes a message to send.
    public init(
        identities: [[UInt8]], header: MessageHeader, parentHeader: [UInt8] = Array("{}".utf8),
        metadata: [UInt8] = Array("{}".utf8), content: [UInt8], buffers: [[UInt8]] = []
    ) {
        self.identities = identities
        self.header = header
        self.parentHeader = parentHeader
        self.metadata = metadata
        self.content = content
        self.buffers = buffers
    }

    /// Checks the signature and then reads the message.
    ///
    /// The order matters: bytes of somebody without the key never reach the JSON parser. The signature covers
    /// exactly four parts; buffers are outside it.
    public init(frames: [[UInt8]], key: SigningKey) throws(WireMessageError) {
        guard let split = frames.firstIndex(of: WireMessage.delimiter) else { throw .noDelimiter }
        let body = frames[(split + 1)...]
        guard body.count >= 5 else { throw .tooFewFrames(body.count) }
        let first = body.startIndex
        let signed = Array(body[(first + 1)...(first + 4)])
        guard key.isValid(body[first], for: signed) else { throw .badSignature }
        header = try MessageHeader(parsing: signed[0])
        for (part, bytes) in zip(["parent header", "metadata", "content"], signed[1...]) {
            let isObject: Bool
            do { isObject = try JSONCheck.isObject(bytes) } catch { throw .notJSON(part: part, "\(error)") }
            guard isObject else { throw .notAnObject(part: part) }
        }
        identities = Array(frames[..<split])
        (parentHeader, metadata, content) = (signed[1], signed[2], signed[3])
        buffers = Array(body[(first + 5)...])
        signature = body[first]
    }

    /// The frames to send.
    public func frames(signedWith key: SigningKey) -> [[UInt8]] {
        let signed = [header.raw, parentHeader, metadata, content]
        return identities + [WireMessage.delimiter, key.signature(of: signed)] + signed + buffers
    }
}

/// Why frames are not a message.
public enum WireMessageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no `<IDS|MSG>`.
    case noDelimiter
    /// Fewer than a signature and four parts.
    case tooFewFrames(Int)
    /// The signature is another.
    case badSignature
    /// The signature has been seen before.
    case replayed
    /// The message is larger than allowed.
    case tooLarge
    /// A part is not JSON.
    case notJSON(part: String, String)
    /// A part is JSON, but no object.
    case notAnObject(part: String)
    /// The header lacks a field.
    case headerField(String)

    /// A stable name for programs.
    public var code: String {
        switch self {
        case .noDelimiter: "no_delimiter"
        case .tooFewFrames: "too_few_frames"
        case .badSignature: "bad_signature"
        case .replayed: "replayed"
        case .tooLarge: "too_large"
        case .notJSON: "not_json"
        case .notAnObject: "not_an_object"
        case .headerField: "header_field"
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .noDelimiter: "the message has no <IDS|MSG> frame"
        case .tooFewFrames(let count): "the message has \(count) frames after <IDS|MSG> instead of 5 or more"
        case .badSignature: "the message's signature is wrong; do both sides use the same connection file?"
        case .replayed: "the message has been received before"
        case .tooLarge: "the message is too large"
        case .notJSON(let part, let why): "the message's \(part) is not JSON: \(why)"
        case .notAnObject(let part): "the message's \(part) is not an object"
        case .headerField(let name): "the message's header has no \(name)"
        }
    }
}
