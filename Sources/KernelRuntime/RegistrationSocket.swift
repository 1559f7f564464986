public import JupyterProtocol
public import LinuxKit
import ZeroMQ

/// A kernel's connection to the launcher that it tells its ports (JEP 66).
///
/// It is in plain text even when the kernel's own sockets are encrypted: the file names no key of the launcher's, no
/// other kernel encrypts it, and the message is signed and holds nothing but ports.
public final class RegistrationSocket {
    private let context: ZMQContext
    private let socket: ZMQSocket
    private let registration: Registration

    /// Connects, which needs nobody at the other end yet. Throws when the address is none.
    public init(_ connection: ConnectionFile, to registration: Registration) throws {
        self.registration = registration
        context = try ZMQContext()
        socket = try ZMQSocket(context, registration.form == .frame ? .dealer : .req)
        // Who has not acknowledged the ports by then does not get them.
        try socket.setLinger(0)
        try socket.setIPv6(registration.ip.contains(":"))
        try socket.setMaximumFrame(1 << 20)
        try socket.connect(connection.endpoint(registration))
    }

    /// Tells the ports and waits for the acknowledgement.
    ///
    /// - Parameters:
    ///   - patience: how long a launcher may take.
    ///   - isEnded: asked after each event of `loop`; true ends the wait.
    public func register(
        ports: [ConnectionFile.Socket: Int], key: SigningKey, patience: Duration, loop: EventLoop,
        isEnded: () -> Bool
    ) throws {
        let watch = try loop.watch(socket.descriptor) { _ in }
        defer { loop.forget(watch) }
        let id = String(UInt64.random(in: .min ... .max), radix: 16)
        let request = registration.request(
            ports: ports, signedWith: key, id: id, date: Timestamp.iso8601(microseconds: WallClock.microseconds))
        let deadline = ContinuousClock.now + patience
        var isSent = false
        while !isEnded() {
            if !isSent { isSent = try socket.send(request) }
            if case .message(let answer) = try socket.receive(maximumFrames: 64, maximumBytes: 1 << 20) {
                return try registration.check(answer: answer, key: key)
            }
            let rest = ContinuousClock.now.duration(to: deadline)
            guard rest > .zero else { throw RegistrationError.silence }
            try loop.turn(waitingAtMost: rest)
        }
        throw RegistrationError.ended
    }

    /// Disconnects: a launcher may keep its socket for other kernels.
    public func close() { socket.close() }
}
