import ArgumentParser
import WebServing

/// The options for TLS.
struct CertificateOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Serve over TLS: the certificate and those that it rests on, PEM.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("The certificate's private key, PEM, without a passphrase.", valueName: "file"))
    var key: String?

    func validate() throws {
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("--certificate and --key belong together: give both, or neither")
        }
    }

    /// What the files hold; nil when none is named.
    func read() throws -> ServerCertificate? {
        guard let certificate, let key else { return nil }
        return try ServerCertificate(certificate: certificate, key: key)
    }
}
