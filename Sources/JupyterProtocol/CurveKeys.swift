/// The keys of a kernel whose sockets are encrypted (jupyter_client, "Transport security"; zmq_curve(7)).
///
/// Clients have the same file and need the public key alone; the kernel needs the secret one.
public struct CurveKeys: Hashable, Sendable, CustomStringConvertible {
    /// The kernel's public key, in Z85.
    public let publicKey: String
    /// The kernel's secret key, in Z85.
    public let secretKey: String

    /// The names of the two in a connection file.
    public static let fields = (publicKey: "curve_publickey", secretKey: "curve_secretkey")

    /// The characters of a key: 32 bytes in Z85.
    public static let length = 40

    /// Reads the keys of a connection file; nil when it has none. Throws when there is only one, or one is none.
    ///
    /// A client that finds one key alone would talk in plain text to a kernel that does not listen to any.
    init?(members: [String: JSONValue]) throws(ConnectionFileError) {
        let names = CurveKeys.fields
        let publicKey = try CurveKeys.key(members, names.publicKey)
        let secretKey = try CurveKeys.key(members, names.secretKey)
        switch (publicKey, secretKey) {
        case (nil, nil): return nil
        case (let publicKey?, let secretKey?): (self.publicKey, self.secretKey) = (publicKey, secretKey)
        case (nil, _): throw ConnectionFileError(field: names.publicKey, "is missing, but \(names.secretKey) is there")
        case (_, nil): throw ConnectionFileError(field: names.secretKey, "is missing, but \(names.publicKey) is there")
        }
    }

    private static func key(_ members: [String: JSONValue], _ name: String) throws(ConnectionFileError) -> String? {
        guard let member = members[name], member != .null else { return nil }
        guard let text = member.stringValue, isKey(text) else {
            throw ConnectionFileError(field: name, "is not a key of \(length) characters in Z85")
        }
        return text
    }

    /// Whether libzmq can read the text: five characters for four bytes (ZeroMQ RFC 32).
    private static func isKey(_ text: String) -> Bool {
        let alphabet = Array(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
        let bytes = Array(text.utf8)
        guard bytes.count == length else { return false }
        return stride(from: 0, to: length, by: 5).allSatisfy { start in
            var value: UInt64 = 0
            for byte in bytes[start..<(start + 5)] {
                guard let digit = alphabet.firstIndex(of: byte) else { return false }
                value = value * 85 + UInt64(digit)
            }
            return value <= UInt32.max
        }
    }

    /// The public key alone, whoever prints it.
    public var description: String { "CurveKeys(\(publicKey))" }
}
