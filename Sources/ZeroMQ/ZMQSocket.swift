import CZeroMQ
import Glibc

/// A libzmq socket, used on the thread that made it; every send and receive returns at once.
///
/// `descriptor` only signals that something may have happened, and only on the edge: after every wait, send and
/// receive the truth is in `isReadable` (zmq_getsockopt(3), ZMQ_FD).
public final class ZMQSocket {
    /// The patterns.
    public enum Kind: Int32, Sendable {
        case router = 6
        case dealer = 5
        case xpub = 9
        case sub = 2
        case rep = 4
        case req = 3
    }

    /// What a receive found.
    public enum Received: Hashable, Sendable {
        /// A whole message.
        case message([[UInt8]])
        /// A message over the bounds, which has been thrown away.
        case oversized
        /// None.
        case nothing
    }

    private let context: ZMQContext
    private var raw: UnsafeMutableRawPointer?

    /// Makes a socket.
    public init(_ context: ZMQContext, _ kind: Kind) throws(ZMQError) {
        guard let raw = zmq_socket(context.raw, kind.rawValue) else { throw ZMQError("zmq_socket") }
        self.context = context
        self.raw = raw
    }

    deinit {
        if let raw { zmq_close(raw) }
    }

    /// Closes the socket; what is queued is still sent for the linger time.
    public func close() {
        if let raw { zmq_close(raw) }
        raw = nil
    }

    // MARK: Options, by their names in zmq_setsockopt(3)

    /// Milliseconds that unsent messages keep a closing context waiting.
    public func setLinger(_ milliseconds: Int32) throws(ZMQError) { try set(ZMQ_LINGER, milliseconds) }
    /// Messages that wait for one peer before the socket's pattern blocks or drops; 0 for no bound.
    public func setSendHighWater(_ messages: Int32) throws(ZMQError) { try set(ZMQ_SNDHWM, messages) }
    /// Messages received and not yet read; 0 for no bound.
    public func setReceiveHighWater(_ messages: Int32) throws(ZMQError) { try set(ZMQ_RCVHWM, messages) }
    /// A peer that comes back with the same identity takes its place over.
    public func setRouterHandover(_ on: Bool) throws(ZMQError) { try set(ZMQ_ROUTER_HANDOVER, Int32(on ? 1 : 0)) }
    /// Sending to an absent peer is an error instead of nothing.
    public func setRouterMandatory(_ on: Bool) throws(ZMQError) { try set(ZMQ_ROUTER_MANDATORY, Int32(on ? 1 : 0)) }
    /// Every subscription is reported, also one that another peer has.
    public func setXPUBVerbose(_ on: Bool) throws(ZMQError) { try set(ZMQ_XPUB_VERBOSE, Int32(on ? 1 : 0)) }
    /// A full subscriber makes a send fail instead of losing the message.
    public func setXPUBNoDrop(_ on: Bool) throws(ZMQError) { try set(ZMQ_XPUB_NODROP, Int32(on ? 1 : 0)) }
    /// Addresses may be of IPv6.
    public func setIPv6(_ on: Bool) throws(ZMQError) { try set(ZMQ_IPV6, Int32(on ? 1 : 0)) }
    /// A frame above this ends the peer's connection; in bytes.
    public func setMaximumFrame(_ bytes: Int64) throws(ZMQError) { try set(ZMQ_MAXMSGSIZE, bytes) }
    /// Uses a listening descriptor for the next bind. libzmq closes it with the socket.
    public func setListener(_ descriptor: Int32) throws(ZMQError) { try set(ZMQ_USE_FD, descriptor) }
    /// Subscribes to a prefix.
    public func subscribe(_ prefix: [UInt8]) throws(ZMQError) { try set(ZMQ_SUBSCRIBE, bytes: prefix) }
    /// The identity that a router at the other end sees.
    public func setIdentity(_ identity: [UInt8]) throws(ZMQError) { try set(ZMQ_ROUTING_ID, bytes: identity) }

    /// Accepts only peers that know the public key of this secret one, in Z85, and encrypts what they say
    /// (zmq_curve(7)). Before the bind.
    public func setCurveServer(secretKey: String) throws(ZMQError) {
        try set(ZMQ_CURVE_SERVER, Int32(1))
        try set(ZMQ_CURVE_SECRETKEY, bytes: Array(secretKey.utf8))
    }

    private func set<Value: BitwiseCopyable>(_ option: Int32, _ value: Value) throws(ZMQError) {
        let outcome = withUnsafeBytes(of: value) { zmq_setsockopt(raw, option, $0.baseAddress, $0.count) }
        guard outcome == 0 else { throw ZMQError("zmq_setsockopt(\(option))") }
    }

    private func set(_ option: Int32, bytes: [UInt8]) throws(ZMQError) {
        guard zmq_setsockopt(raw, option, bytes, bytes.count) == 0 else { throw ZMQError("zmq_setsockopt(\(option))") }
    }

    private func value<Value: BitwiseCopyable>(of option: Int32, _ initial: Value) -> Value {
        var value = initial
        var size = MemoryLayout<Value>.size
        withUnsafeMutableBytes(of: &value) { _ = zmq_getsockopt(raw, option, $0.baseAddress, &size) }
        return value
    }

    /// The descriptor to wait on; see the type's description.
    public var descriptor: Int32 { value(of: ZMQ_FD, Int32(-1)) }
    /// Whether a message waits.
    public var isReadable: Bool { value(of: ZMQ_EVENTS, Int32(0)) & ZMQ_POLLIN != 0 }

    /// The endpoint of the last bind, with the port that was chosen.
    public var lastEndpoint: String {
        var buffer = [UInt8](repeating: 0, count: 1024)
        var size = buffer.count
        guard zmq_getsockopt(raw, ZMQ_LAST_ENDPOINT, &buffer, &size) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }

    // MARK: Peers and messages

    /// Accepts peers at an endpoint such as `tcp://127.0.0.1:5555`.
    public func bind(_ endpoint: String) throws(ZMQError) {
        guard zmq_bind(raw, endpoint) == 0 else { throw ZMQError("zmq_bind on \(endpoint)") }
    }

    /// Connects to an endpoint.
    public func connect(_ endpoint: String) throws(ZMQError) {
        guard zmq_connect(raw, endpoint) == 0 else { throw ZMQError("zmq_connect on \(endpoint)") }
    }

    /// Sends one message, all frames or none. False when there is no room now.
    ///
    /// libzmq looks for room at the first frame; the others belong to the same message and always fit.
    public func send(_ frames: [[UInt8]]) throws(ZMQError) -> Bool {
        for (index, frame) in frames.enumerated() {
            let flags = ZMQ_DONTWAIT | (index + 1 < frames.count ? ZMQ_SNDMORE : 0)
            while zmq_send(raw, frame, frame.count, flags) < 0 {
                let code = zmq_errno()
                if code == EINTR { continue }
                if code == EAGAIN, index == 0 { return false }
                throw ZMQError("zmq_send")
            }
        }
        return true
    }

    /// Receives one message, if a whole one is there.
    public func receive(maximumFrames: Int = 4096, maximumBytes: Int = 512 << 20) throws(ZMQError) -> Received {
        var frames: [[UInt8]] = []
        var total = 0
        var isOversized = false
        var message = zmq_msg_t()
        zmq_msg_init(&message)
        defer { zmq_msg_close(&message) }
        while true {
            if zmq_msg_recv(&message, raw, ZMQ_DONTWAIT) < 0 {
                let code = zmq_errno()
                if code == EINTR { continue }
                if code == EAGAIN { return .nothing }
                throw ZMQError("zmq_msg_recv")
            }
            let size = zmq_msg_size(&message)
            total += size
            if frames.count >= maximumFrames || total > maximumBytes { isOversized = true }
            if isOversized {
                frames = []
            } else {
                frames.append(Array(UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: size)))
            }
            if zmq_msg_more(&message) == 0 { return isOversized ? .oversized : .message(frames) }
        }
    }
}
