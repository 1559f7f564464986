/// What a client tells a kernel of where to meet (Jupyter client, "Connection files").
///
/// A registration file is one too: its ports are 0 until the kernel has chosen them.
public struct ConnectionFile: Hashable, Sendable {
    /// The five sockets.
    public enum Socket: String, CaseIterable, Sendable {
        case shell, iopub, stdin, control
        case heartbeat = "hb"

        /// The name of the port in the file.
        public var field: String { "\(rawValue)_port" }
    }

    /// Ports by socket; 0 asks for any.
    public var ports: [Socket: Int]
    /// The address to bind, or the prefix of socket files with `ipc`.
    public var ip: String
    /// `tcp` or `ipc`.
    public var transport: String
    /// The signing key; empty for none.
    public var key: String
    /// For example `hmac-sha256`.
    public var signatureScheme: String
    /// The kernelspec's name, if the client wrote it.
    public var kernelName: String
    /// The keys of encrypted sockets; nil for plain text.
    public var curve: CurveKeys?
    /// Where the ports are to be told that the kernel chooses; nil when nobody waits for them.
    public let registration: Registration?
    /// Members that this type does not change, such as the registration's, or that mean nothing to it, such as `jupyter_session`; clients get them back.
    private var others: [String: JSONValue] = [:]

    /// Reads a connection file. Ports may be numbers or texts.
    public init(parsing bytes: [UInt8]) throws(ConnectionFileError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw ConnectionFileError(field: "", "is not JSON: \(error)")
        }
        guard let members = value.objectValue else { throw ConnectionFileError(field: "", "is not a JSON object") }
        func text(_ name: String, default fallback: String) throws(ConnectionFileError) -> String {
            guard let member = members[name], member != .null else { return fallback }
            guard let text = member.stringValue else { throw ConnectionFileError(field: name, "is not a text") }
            return text
        }
        registration = try Registration(members: members)
        var ports: [Socket: Int] = [:]
        for socket in Socket.allCases {
            // A registration file has ports only after it has been used.
            guard let member = members[socket.field] ?? registration.map({ _ in 0 }) else {
                throw ConnectionFileError(field: socket.field, "is missing")
            }
            guard let port = member.integerValue.map(Int.init) ?? member.stringValue.flatMap({ Int($0) }),
                (0...65_535).contains(port)
            else { throw ConnectionFileError(field: socket.field, "is not a port number") }
            if port != 0, let twin = ports.first(where: { $0.value == port }) {
                throw ConnectionFileError(field: socket.field, "is the same as \(twin.key.field)")
            }
            ports[socket] = port
        }
        self.ports = ports
        // A launcher learns ports alone; the one address that it is sure to know is its own.
        ip = try text("ip", default: registration?.ip ?? "127.0.0.1")
        transport = try text("transport", default: "tcp")
        // Whoever wants a kernel that obeys anybody has to say so.
        guard let given = value["key"], given != .null else {
            throw ConnectionFileError(field: "key", "is missing; an empty one turns signatures off")
        }
        key = try text("key", default: "")
        signatureScheme = try text("signature_scheme", default: "hmac-sha256")
        kernelName = try text("kernel_name", default: "")
        curve = try CurveKeys(members: members)
        guard transport == "tcp" || transport == "ipc" else {
            throw ConnectionFileError(field: "transport", "is neither tcp nor ipc")
        }
        guard !ip.isEmpty else { throw ConnectionFileError(field: "ip", "is empty") }
        guard SigningKey(scheme: signatureScheme, key: key) != nil else {
            throw ConnectionFileError(field: "signature_scheme", "is neither hmac-sha256 nor hmac-sha512")
        }
        let known = self.members
        others = members.filter { known[$0.key] == nil }
    }

    /// The ports alone, by their names in the file.
    public var portMembers: JSONValue {
        .object([String: JSONValue](uniqueKeysWithValues: ports.map { ($0.field, .integer(Int64($1))) }))
    }

    /// The first of the sockets whose port the kernel chooses; nil when all are given.
    public var firstOpenPort: Socket? { Socket.allCases.first { (ports[$0] ?? 0) == 0 } }

    /// The file's bytes, as Jupyter's clients write and read them.
    public func encoded() -> [UInt8] {
        JSONValue.object(others.merging(members) { _, known in known }).encodedForNotebook()
    }

    /// What this type knows of the file.
    private var members: [String: JSONValue] {
        var members: [String: JSONValue] = portMembers.objectValue ?? [:]
        members.merge([
            "ip": .string(ip), "transport": .string(transport), "key": .string(key),
            "signature_scheme": .string(signatureScheme), "kernel_name": .string(kernelName),
        ]) { _, last in last }
        if let curve {
            members[CurveKeys.fields.publicKey] = .string(curve.publicKey)
            members[CurveKeys.fields.secretKey] = .string(curve.secretKey)
        }
        return members
    }

    /// The endpoint of a socket for libzmq, with its port.
    public func endpoint(_ socket: Socket) -> String { endpoint(ip: ip, port: ports[socket] ?? 0) }

    /// The endpoint of the launcher's socket, for libzmq.
    public func endpoint(_ registration: Registration) -> String {
        endpoint(ip: registration.ip, port: registration.port)
    }

    private func endpoint(ip: String, port: Int) -> String {
        if transport == "ipc" { return "ipc://\(ip)-\(port)" }
        return "tcp://\(ip.contains(":") ? "[\(ip)]" : ip):\(port)"
    }
}

/// What is wrong with a connection file.
public struct ConnectionFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The member that is wrong; empty for the file as a whole.
    public let field: String
    /// What is wrong with it.
    public let problem: String

    /// A stable name for programs.
    public var code: String { "connection_file" }

    /// Describes a defect.
    public init(field: String, _ problem: String) {
        self.field = field
        self.problem = problem
    }

    /// The sentence for a user.
    public var description: String { field.isEmpty ? "the file \(problem)" : "\(field) \(problem)" }
}
