import CZeroMQ

/// Encrypted connections (zmq_curve(7)).
public enum ZMQCurve {
    /// Whether this libzmq was built with them.
    public static var isAvailable: Bool { zmq_has("curve") == 1 }

    /// The public key that belongs to a secret one, both in Z85 (zmq_curve_public(3)).
    public static func publicKey(of secretKey: String) throws(ZMQError) -> String {
        var key = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&key, secretKey) == 0 else { throw ZMQError("zmq_curve_public") }
        return String(decoding: key.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
