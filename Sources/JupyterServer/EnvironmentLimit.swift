import JupyterServerAPI
import LinuxKit

/// How much the variables may hold that a client gives to a kernel.
enum EnvironmentLimit {
    /// Bytes of all variables, each `NAME=VALUE` with the zero behind it. They travel to the keeper in one message, with
    /// what else it has to know of a sandbox: about 1 KiB, and more with many mounts. execve(2) takes no text of more
    /// than 128 KiB either (MAX_ARG_STRLEN).
    static let largest = MessageSocket.maximumCount - (8 << 10)
    /// What a text costs in the message beside its bytes: its length.
    private static let overhead = 4

    /// Throws 400 for more than can be given to a kernel.
    static func check(_ environment: [String: String]) throws(APIError) {
        var total = 0
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            let count = name.utf8.count + value.utf8.count + 2
            guard count <= largest else {
                let begin = name.unicodeScalars.prefix(80).map(String.init).joined()
                throw APIError(
                    400,
                    "The environment variable \(PythonText.quoted(begin)) has \(count) bytes, of \(largest) at the most: "
                        + "put its value into a file", reason: "environment_too_large")
            }
            total += count + overhead
        }
        guard total <= largest else {
            throw APIError(
                400,
                "The \(environment.count) environment variables have \(total) bytes together, of \(largest) at the most: "
                    + "leave some out, or put them into a file", reason: "environment_too_large")
        }
    }
}
