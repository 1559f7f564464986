/// Why a server cannot be had over TLS.
public enum ServerCertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file cannot be read.
    case unreadable(String, reason: String)
    /// A file holds no certificate.
    case noCertificate(String)
    /// A file holds no key, or one that needs a passphrase.
    case noKey(String)
    /// The key is that of another certificate.
    case mismatch(certificate: String, key: String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .noCertificate(let path): "\(path) holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
        case .noKey(let path):
            "\(path) holds no private key in PEM, or one that needs a passphrase; "
                + "openssl pkey -in \(path) -out FILE writes one without"
        case .mismatch(let certificate, let key): "the key in \(key) is not that of the certificate in \(certificate)"
        }
    }
}
