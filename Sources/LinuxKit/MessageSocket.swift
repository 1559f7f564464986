import CLinux
import Glibc

/// One end of a local connection that keeps messages whole and carries descriptors (unix(7), SOCK_SEQPACKET).
public struct MessageSocket: ~Copyable, Sendable {
    /// A message and the descriptors that came with it.
    public struct Received: ~Copyable {
        /// The bytes.
        public let bytes: [UInt8]
        /// The descriptors; those that nobody takes close with this value.
        public var descriptors: DescriptorList
    }

    /// Largest message in bytes. The kernel's default send buffer is 208 KiB.
    public static let maximumCount = 131_072

    /// The descriptor to wait on.
    public let descriptor: OwnedDescriptor

    /// Takes over a connected socket.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// A connected pair.
    public static func pair() throws(SystemError) -> MessageSocketPair {
        var ends: [Int32] = [-1, -1]
        try SystemError.check("socketpair", clinux_socketpair_seqpacket(&ends))
        return MessageSocketPair(
            first: MessageSocket(adopting: OwnedDescriptor(adopting: ends[0])),
            second: MessageSocket(adopting: OwnedDescriptor(adopting: ends[1])))
    }

    /// Connects to the listener at `path`, whose name may be at most 107 bytes long.
    public static func connect(to path: String) throws(SystemError) -> MessageSocket {
        let end = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "socket", socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)))
        try withAddress(path) { address, length throws(SystemError) in
            try SystemError.checkErrno("connect", Glibc.connect(end.number, address, length), on: path)
        }
        return MessageSocket(adopting: end)
    }

    /// A non-blocking listener at `path`, which must not exist.
    public static func listen(at path: String, backlog: Int32 = 64) throws(SystemError) -> OwnedDescriptor {
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let end = OwnedDescriptor(adopting: try SystemError.checkErrno("socket", socket(AF_UNIX, kind, 0)))
        try withAddress(path) { address, length throws(SystemError) in
            try SystemError.checkErrno("bind", Glibc.bind(end.number, address, length), on: path)
        }
        try SystemError.checkErrno("listen", Glibc.listen(end.number, backlog), on: path)
        return end
    }

    /// The next connection, or nil when none waits.
    public static func accept(from listener: borrowing OwnedDescriptor) throws(SystemError) -> MessageSocket? {
        let raw = Glibc.accept(listener.number, nil, nil)
        guard raw >= 0 else {
            if Glibc.errno == EAGAIN || Glibc.errno == ECONNABORTED || Glibc.errno == EINTR { return nil }
            throw SystemError("accept", Glibc.errno)
        }
        let end = OwnedDescriptor(adopting: raw)
        try end.setCloseOnExec(true)
        return MessageSocket(adopting: end)
    }

    /// Sends one message. The descriptors stay the caller's.
    public borrowing func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        let sent = clinux_send_descriptors(descriptor.number, bytes, bytes.count, descriptors, descriptors.count)
        guard sent >= 0 else { throw SystemError("sendmsg", Int32(-sent)) }
    }

    /// Receives one message; nil at the end of file. Blocks unless the descriptor is non-blocking, and then
    /// throws EAGAIN when nothing waits.
    public borrowing func receive() throws(SystemError) -> Received? {
        var bytes = [UInt8](repeating: 0, count: MessageSocket.maximumCount)
        var descriptors = [Int32](repeating: -1, count: Int(CLINUX_MAX_DESCRIPTORS))
        var count = 0
        let received = clinux_receive_descriptors(
            descriptor.number, &bytes, bytes.count, &descriptors, descriptors.count, &count)
        guard received >= 0 else { throw SystemError("recvmsg", Int32(-received)) }
        let list = DescriptorList(adopting: Array(descriptors.prefix(count)))
        if received == 0 { return nil }
        return Received(bytes: Array(bytes.prefix(Int(received))), descriptors: list)
    }

    /// The uid of the process at the other end when it connected.
    public borrowing func peerUserID() throws(SystemError) -> UInt32 {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        try SystemError.check("getsockopt(SO_PEERCRED)", clinux_peer_credentials(descriptor.number, &pid, &uid))
        return uid
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("unix socket", ENAMETOOLONG, on: path)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count + 1)
        let failure = withUnsafePointer(to: &address) { pointer -> SystemError? in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> SystemError? in
                do throws(SystemError) {
                    try body(pointer, length)
                    return nil
                } catch {
                    return error
                }
            }
        }
        if let failure { throw failure }
    }
}

/// The two ends of a connection that was made in one piece, each to be taken once.
public struct MessageSocketPair: ~Copyable, Sendable {
    private var first: MessageSocket?
    private var second: MessageSocket?

    fileprivate init(first: consuming MessageSocket, second: consuming MessageSocket) {
        self.first = consume first
        self.second = consume second
    }

    /// Takes the next end that has not been taken.
    public mutating func take() -> MessageSocket {
        if let end = first.take() { return end }
        guard let end = second.take() else { preconditionFailure("both ends of the pair are taken") }
        return end
    }
}
