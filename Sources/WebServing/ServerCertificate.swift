import Glibc
public import NIOSSL

/// What a server shows to its clients over TLS: a chain of certificates, its own first, and the key to it.
public struct ServerCertificate: Sendable {
    /// How connections are encrypted.
    public let configuration: TLSConfiguration

    /// Reads two files in PEM, and checks that they belong together.
    public init(certificate: String, key: String) throws(ServerCertificateError) {
        for path in [certificate, key] {
            if let reason = ServerCertificate.reasonNotToRead(path) { throw .unreadable(path, reason: reason) }
        }
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificate), !chain.isEmpty else {
            throw .noCertificate(certificate)
        }
        // A key that needs a passphrase finds none: nobody sits in front of a server.
        guard
            let privateKey = try? NIOSSLPrivateKey(
                file: key, format: .pem, passphraseCallback: { $0([UInt8]()) })
        else { throw .noKey(key) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        guard (try? NIOSSLContext(configuration: configuration)) != nil else {
            throw .mismatch(certificate: certificate, key: key)
        }
        self.configuration = configuration
    }

    private static func reasonNotToRead(_ path: String) -> String? {
        var facts = stat()
        if access(path, R_OK) != 0 || stat(path, &facts) != 0 { return String(cString: strerror(errno)) }
        return facts.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : nil
    }
}
