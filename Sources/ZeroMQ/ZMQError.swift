import CZeroMQ
import Glibc

/// A call of libzmq that failed.
public struct ZMQError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call.
    public let operation: String
    /// The error number, of errno(3) or libzmq's own.
    public let errno: Int32

    init(_ operation: String) {
        self.operation = operation
        errno = zmq_errno()
    }

    /// The sentence for a user.
    public var description: String { "\(operation): \(String(cString: zmq_strerror(errno)))" }
}
