/// A launcher that waits to hear which ports a kernel has chosen (JEP 66), and what the two say to each other.
public struct Registration: Hashable, Sendable {
    /// How the two talk. There are two ways in use, which do not understand each other.
    public enum Form: Hashable, Sendable {
        /// A DEALER socket and one signed frame each way (Jupyter messaging 5.6, "Kernel startup handshake"): xeus-zmq.
        case frame
        /// A REQ socket, `handshake_request` and `handshake_reply` as whole messages: Positron's supervisor, and ark.
        case message
    }

    /// What the launcher calls the kernel.
    public let kernelID: String?
    /// The address of the launcher's socket, or the prefix of its socket file with `ipc`.
    public let ip: String
    /// The port of the launcher's socket.
    public let port: Int
    /// How the launcher expects to be talked to.
    public let form: Form

    /// Reads a registration file; nil when there is no launcher in it. Throws when what it says of it is wrong.
    init?(members: [String: JSONValue]) throws(ConnectionFileError) {
        let names = ["registration_ip", "registration_port"]
        guard names.contains(where: { members[$0] ?? .null != .null }) else { return nil }
        func text(_ name: String) throws(ConnectionFileError) -> String? {
            guard let member = members[name], member != .null else { return nil }
            guard let text = member.stringValue, !text.isEmpty else {
                throw ConnectionFileError(field: name, "is not a text")
            }
            return text
        }
        let (ownIP, kernelIP) = (try text("registration_ip"), try text("ip"))
        guard let ip = ownIP ?? kernelIP else {
            throw ConnectionFileError(field: "registration_ip", "is missing, but registration_port is there")
        }
        guard let member = members["registration_port"] else {
            throw ConnectionFileError(field: "registration_port", "is missing, but registration_ip is there")
        }
        guard let port = member.integerValue.map(Int.init) ?? member.stringValue.flatMap({ Int($0) }),
            (1...65_535).contains(port)
        else { throw ConnectionFileError(field: "registration_port", "is not a port number") }
        (self.ip, self.port) = (ip, port)
        kernelID = try text("kernel_id")
        // The documented file has both members, and Positron's supervisor writes neither.
        form = ownIP == nil && kernelID == nil ? .message : .frame
    }

    /// The frames that tell the launcher the ports.
    ///
    /// - Parameters:
    ///   - id: an identifier of this message and its session.
    ///   - date: when it is sent, ISO 8601.
    public func request(
        ports: [ConnectionFile.Socket: Int], signedWith key: SigningKey, id: String, date: String
    ) -> [[UInt8]] {
        var content: JSONValue = .object([:])
        switch form {
        case .frame:
            if let kernelID { content["kernel_id"] = .string(kernelID) }
            for (socket, port) in ports { content[socket.field] = .string("\(port)") }
            let bytes = content.encoded()
            return [WireMessage.delimiter, key.signature(of: [bytes]), bytes]
        case .message:
            for (socket, port) in ports { content[socket.field] = .integer(Int64(port)) }
            let header = MessageHeader(id: id, session: id, username: "husk", date: date, type: "handshake_request")
            return WireMessage(identities: [], header: header, content: content.encoded()).frames(signedWith: key)
        }
    }

    /// Checks the launcher's answer. Throws when it is not its acknowledgement.
    ///
    /// What a single frame says is the launcher's affair: its signature is the acknowledgement. Whole messages are
    /// read less strictly than a client's, because Positron's supervisor sends `null` for metadata.
    public func check(answer frames: [[UInt8]], key: SigningKey) throws(RegistrationError) {
        guard let split = frames.firstIndex(of: WireMessage.delimiter) else { throw .malformed }
        let body = frames[(split + 1)...]
        let count = form == .frame ? 1 : 4
        guard let signature = body.first, body.count > count else { throw .malformed }
        let signed = Array(body.dropFirst().prefix(count))
        guard key.isValid(signature, for: signed) else { throw .badSignature }
        guard form == .message else { return }
        guard let content = try? JSONValue(parsing: signed[3]), let status = content["status"]?.stringValue else {
            throw .malformed
        }
        guard status == "ok" else { throw .refused(content["error"]?.stringValue ?? status) }
    }
}

/// Why a kernel could not be registered.
public enum RegistrationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The launcher has not answered in time.
    case silence
    /// The answer is no acknowledgement.
    case malformed
    /// The answer's signature is another.
    case badSignature
    /// The launcher does not want the kernel.
    case refused(String)
    /// The kernel was ended while it waited.
    case ended

    /// A stable name for programs.
    public var code: String {
        switch self {
        case .silence: "registration_silence"
        case .malformed: "registration_malformed"
        case .badSignature: "registration_bad_signature"
        case .refused: "registration_refused"
        case .ended: "registration_ended"
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .silence: "it has not acknowledged the kernel's ports in time; does it still wait for them?"
        case .malformed: "its acknowledgement cannot be read; does it speak the protocol of JEP 66?"
        case .badSignature: "its acknowledgement has a wrong signature; do both sides use the same file?"
        case .refused(let why): "it refuses the kernel: \(why)"
        case .ended: "the kernel was ended before it acknowledged the ports"
        }
    }
}
