import JupyterProtocol
import JupyterServerAPI

/// The cookie of a browser that has once shown the token: who it is and since when, signed.
///
/// `1|SECONDS|USER|SIGNATURE`, the user percent-encoded, the signature HMAC-SHA256 over all before it and the cookie's
/// name, which has the server's host and port in it.
struct LoginCookie {
    /// How long it counts, in seconds.
    static let lifetime: Int64 = 30 * 86_400

    let key: SigningKey

    /// Its name: servers on other ports of a host have other ones.
    static func name(host: String) -> String {
        let text = "username-\(host)".unicodeScalars.map { scalar -> Character in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "-"
        }
        return String(text)
    }

    func value(user: String, name: String, now: Int64) -> String {
        let text = "1|\(now)|\(PercentEncoding.encoded(path: user))"
        return "\(text)|\(signature(of: text, name: name))"
    }

    /// The user; nil for a cookie that is not from here, or too old.
    func user(of value: String, name: String, now: Int64) -> String? {
        guard let bar = value.lastIndex(of: "|") else { return nil }
        let text = String(value[..<bar])
        let signed = Array(value[value.index(after: bar)...].utf8)
        guard key.isSigning, key.isValid(signed, for: LoginCookie.signedParts(text, name)) else { return nil }
        let fields = text.split(separator: "|", omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == "1", let since = Int64(fields[1]), since <= now,
            now - since < LoginCookie.lifetime
        else { return nil }
        let user = PercentEncoding.decoded(fields[2])
        return user.isEmpty ? nil : user
    }

    private func signature(of text: String, name: String) -> String {
        String(decoding: key.signature(of: LoginCookie.signedParts(text, name)), as: UTF8.self)
    }

    private static func signedParts(_ text: String, _ name: String) -> [[UInt8]] {
        [Array(name.utf8), [UInt8(ascii: "=")], Array(text.utf8)]
    }
}
