import CZeroMQ
import Glibc

/// A libzmq context: the input and output thread behind sockets.
public final class ZMQContext {
    let raw: UnsafeMutableRawPointer

    /// Makes a context for at most `maximumSockets` sockets.
    public init(maximumSockets: Int32 = 1023) throws(ZMQError) {
        guard let raw = zmq_ctx_new() else { throw ZMQError("zmq_ctx_new") }
        self.raw = raw
        zmq_ctx_set(raw, ZMQ_MAX_SOCKETS, maximumSockets)
    }

    deinit {
        // Waits for the linger time of sockets that were closed with messages to send.
        while zmq_ctx_term(raw) != 0, zmq_errno() == EINTR {}
    }
}
