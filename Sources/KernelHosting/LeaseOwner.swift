import LeaseWire
import LinuxKit

/// A process that owns a kernel or is about to, on the thread of the leases.
final class LeaseOwner {
    let socket: MessageSocket
    var watch: EventLoop.Watch?
    /// Whether it has asked for a kernel.
    var hasAsked = false
    /// Its kernel, once it runs.
    var kernel: HostedKernel?

    init(_ socket: consuming MessageSocket) {
        self.socket = socket
    }

    /// Tells it something. One that has gone is noticed when it is read from.
    func tell(_ reply: LeaseReply) { try? socket.send(reply.encoded) }
}
