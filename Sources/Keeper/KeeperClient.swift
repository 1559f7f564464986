import Glibc
import KeeperWire
import LinuxKit

/// A server's connection.
final class KeeperClient {
    let socket: MessageSocket
    var watch: EventLoop.Watch?
    var hasSaidHello = false

    init(_ socket: consuming MessageSocket) {
        self.socket = socket
    }

    /// Sends a reply. A server that does not read is cut off rather than waited for.
    func send(_ reply: KeeperReply, descriptors: [Int32] = []) -> Bool {
        do {
            try socket.send(reply.encoded, descriptors: descriptors)
            return true
        } catch {
            return false
        }
    }
}
