import Glibc
import JupyterProtocol
import LinuxKit

/// What a server leaves in its state directory for the commands of its user, while it runs: where it is and its token.
struct ServerNotice: Hashable, Sendable {
    /// Its address, `http://127.0.0.1:8888`.
    var url: String
    /// What lets clients in; empty where nothing is asked for.
    var token: String
    /// The file of the certificate that it shows; nil without TLS.
    var certificate: String?

    private static func path(_ state: String) -> String { "\(state)/server.json" }

    /// Writes it down, for its user alone.
    func write(in state: String) throws(SystemError) {
        var members: [String: JSONValue] = [
            "url": .string(url), "token": .string(token), "pid": .integer(Int64(getpid())),
        ]
        if let certificate { members["certificate"] = .string(certificate) }
        try WholeFile.write(JSONValue.object(members).encoded(), to: ServerNotice.path(state), mode: 0o600)
    }

    /// Takes it away: nobody serves any more.
    static func remove(in state: String) { unlink(path(state)) }

    /// Reads what the server of a state directory has left; nil when there is none.
    static func read(in state: String) -> ServerNotice? {
        guard Directory.reasonNotToTrust(state) == nil, let bytes = try? WholeFile.read(path(state)),
            let members = try? JSONValue(parsing: bytes), let url = members["url"]?.stringValue
        else { return nil }
        return ServerNotice(
            url: url, token: members["token"]?.stringValue ?? "", certificate: members["certificate"]?.stringValue)
    }
}
