import Crypto

/// The key of a connection file, which signs every message (Jupyter messaging, "Wire protocol").
public struct SigningKey: Sendable {
    private enum Scheme {
        case unsigned
        case sha256(SymmetricKey)
        case sha512(SymmetricKey)
    }

    private let scheme: Scheme

    /// A key for a `signature_scheme`; nil for a scheme that is not known. An empty key signs nothing.
    public init?(scheme: String, key: String) {
        guard !key.isEmpty else {
            self.scheme = .unsigned
            return
        }
        let symmetric = SymmetricKey(data: Array(key.utf8))
        switch scheme {
        case "hmac-sha256": self.scheme = .sha256(symmetric)
        case "hmac-sha512": self.scheme = .sha512(symmetric)
        default: return nil
        }
    }

    /// The lower-case hexadecimal signature over the four parts in order; empty when unsigned.
    public func signature(of parts: [[UInt8]]) -> [UInt8] {
        switch scheme {
        case .unsigned: []
        case .sha256(let key): SigningKey.hexadecimal(SigningKey.code(SHA256.self, key, parts))
        case .sha512(let key): SigningKey.hexadecimal(SigningKey.code(SHA512.self, key, parts))
        }
    }

    /// Whether `signature` is the one of `parts`, in a time that does not depend on where they differ.
    public func isValid(_ signature: [UInt8], for parts: [[UInt8]]) -> Bool {
        let expected = self.signature(of: parts)
        if case .unsigned = scheme { return true }
        guard expected.count == signature.count else { return false }
        var difference: UInt8 = 0
        for (mine, theirs) in zip(expected, signature) { difference |= mine ^ theirs }
        return difference == 0
    }

    /// Whether messages carry a signature at all.
    public var isSigning: Bool { if case .unsigned = scheme { false } else { true } }

    private static func code<H: HashFunction>(_: H.Type, _ key: SymmetricKey, _ parts: [[UInt8]]) -> HMAC<H>.MAC {
        var code = HMAC<H>(key: key)
        for part in parts { code.update(data: part) }
        return code.finalize()
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(128)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}
