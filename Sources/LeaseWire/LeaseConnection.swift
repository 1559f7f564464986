import Glibc
import LinuxKit

/// An owner's line to the server of a state directory.
public final class LeaseConnection {
    /// How long a server may take to say that it is one, and to do what it is asked: one that is stopped never answers.
    private static let patience = (hello: Duration.seconds(5), answer: Duration.seconds(60))

    private let socket: MessageSocket

    /// The descriptor to wait on.
    public var descriptor: Int32 { socket.descriptor.number }

    /// Where the server of a state directory listens for owners.
    public static func path(_ state: String) -> String { "\(state)/server.sock" }

    /// Connects to the server of a state directory; nil when none runs there that this process could trust and
    /// understand.
    public init?(state: String) {
        guard Directory.reasonNotToTrust(state) == nil,
            let socket = try? MessageSocket.connect(to: LeaseConnection.path(state)),
            (try? socket.peerUserID()) == geteuid()
        else { return nil }
        self.socket = socket
        guard (try? ask(.hello, patience: LeaseConnection.patience.hello)) == .hello else { return nil }
    }

    /// Asks, and waits for the answer. Throws ETIMEDOUT for a server that gives none.
    ///
    /// - Parameter descriptors: they stay the caller's.
    public func ask(_ request: LeaseRequest, descriptors: [Int32] = []) throws -> LeaseReply {
        try ask(request, descriptors: descriptors, patience: LeaseConnection.patience.answer)
    }

    private func ask(
        _ request: LeaseRequest, descriptors: [Int32] = [], patience: Duration
    ) throws -> LeaseReply {
        try socket.send(request.encoded, descriptors: descriptors)
        guard try socket.descriptor.waitUntilReadable(atMost: patience) else { throw SystemError("poll", ETIMEDOUT) }
        guard let reply = try next() else { throw SystemError("recvmsg", ECONNRESET) }
        return reply
    }

    /// Says something that has no answer. A server that has gone is noticed when its news are awaited.
    public func tell(_ request: LeaseRequest) { try? socket.send(request.encoded) }

    /// The next news; blocks for it. Nil when the server has gone.
    public func next() throws -> LeaseReply? {
        guard let received = try socket.receive() else { return nil }
        return try LeaseReply(decoding: received.bytes)
    }
}
