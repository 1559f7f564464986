import Glibc
import JupyterProtocol
import KernelRuntime
import LinuxKit
import Logging

/// The ZeroMQ sockets of a hosted kernel, made when somebody asks for them: clients of both kinds see one kernel.
///
/// The connection file beside the register and the listening sockets with the keeper outlive the process, so that
/// ports and key stay the same. On the kernel's thread.
final class KernelSockets: KernelFront {
    /// Sockets that somebody else has opened.
    struct Given: Sendable {
        /// Every port is known.
        let connection: ConnectionFile
        /// A listening socket for each of `ConnectionFile.Socket.allCases`.
        let listeners: [OwnedDescriptorBox]
    }

    let connection: ConnectionFile
    private let listeners: [OwnedDescriptorBox]
    private let front: ZMQFront

    /// Takes sockets for a kernel before it is served.
    ///
    /// - Parameter file: where the connection file is to be.
    init(_ server: KernelServer, taking given: Given, file: String, logger: Logger) throws {
        connection = given.connection
        listeners = given.listeners
        guard listeners.count == ConnectionFile.Socket.allCases.count else {
            throw ConnectionFileError(field: "", "came without its sockets")
        }
        front = try KernelSockets.front(server, connection, listeners, isResumed: false, logger)
        try WholeFile.write(connection.encoded(), to: file, mode: 0o600)
        try KernelSockets.deposit(listeners, with: server)
    }

    /// Opens new sockets for a kernel that is served, on ports of this machine's that nobody has.
    ///
    /// - Parameter file: where the connection file is to be.
    init(_ server: KernelServer, file: String, kernelName: String, logger: Logger) throws {
        var connection = try ConnectionFile(
            parsing: JSONValue.object([
                "ip": "127.0.0.1", "transport": "tcp", "key": .string(Hexadecimal.random(digits: 64)),
                "signature_scheme": "hmac-sha256", "kernel_name": .string(kernelName),
                "shell_port": 0, "iopub_port": 0, "stdin_port": 0, "control_port": 0, "hb_port": 0,
            ]).encoded())
        var listeners: [OwnedDescriptorBox] = []
        for socket in ConnectionFile.Socket.allCases {
            let listener = try TCPListener.listenOnFreePort(address: connection.ip)
            connection.ports[socket] = try TCPListener.port(of: listener)
            listeners.append(OwnedDescriptorBox(listener))
        }
        self.connection = connection
        self.listeners = listeners
        front = try KernelSockets.front(server, connection, listeners, isResumed: false, logger)
        try WholeFile.write(connection.encoded(), to: file, mode: 0o600)
        try KernelSockets.deposit(listeners, with: server)
        server.admit(through: self, after: server.lastSequence, ports: connection.portMembers)
    }

    /// The connection file that an earlier process has left; nil when it has made no sockets.
    static func connection(in file: String) throws -> ConnectionFile? {
        guard access(file, F_OK) == 0 else { return nil }
        return try ConnectionFile(parsing: try WholeFile.read(file))
    }

    /// Opens those again that an earlier process has made, before the kernel is served.
    init(_ server: KernelServer, resuming connection: ConnectionFile, logger: Logger) throws {
        self.connection = connection
        let deposit = server.takeDeposit()
        if deposit.count == ConnectionFile.Socket.allCases.count {
            listeners = deposit
        } else {
            // It was killed before it had given them away.
            listeners = try ConnectionFile.Socket.allCases.map {
                OwnedDescriptorBox(try TCPListener.listen(address: connection.ip, port: connection.ports[$0] ?? 0))
            }
            try KernelSockets.deposit(listeners, with: server)
        }
        front = try KernelSockets.front(server, connection, listeners, isResumed: true, logger)
    }

    private static func deposit(_ listeners: [OwnedDescriptorBox], with server: KernelServer) throws {
        try server.depositListeners(listeners.map { $0.descriptor.number })
    }

    /// libzmq closes what it is given.
    private static func front(
        _ server: KernelServer, _ connection: ConnectionFile, _ listeners: [OwnedDescriptorBox], isResumed: Bool,
        _ logger: Logger
    ) throws -> ZMQFront {
        guard let key = SigningKey(scheme: connection.signatureScheme, key: connection.key) else {
            throw ConnectionFileError(field: "signature_scheme", "is not known")
        }
        var copies: [Int32] = []
        do {
            for listener in listeners { copies.append(try listener.descriptor.duplicate().release()) }
        } catch {
            for copy in copies { Glibc.close(copy) }
            throw error
        }
        return try ZMQFront(
            server, connection: connection, key: key, listeners: copies, isResumed: isResumed, loop: server.loop,
            logger: logger)
    }

    /// Goes on with the kernel's next interpreter.
    func move(to server: KernelServer) throws {
        front.move(to: server)
        try KernelSockets.deposit(listeners, with: server)
        server.admit(through: self, after: 0, ports: connection.portMembers)
    }

    /// Closes them; what was sent is still delivered for a second.
    func close() { front.close() }

    // MARK: Events

    /// See the protocol that requires it.
    func publish(_ message: OutgoingMessage) -> Bool { front.publish(message) }

    /// See the protocol that requires it.
    func reply(_ message: OutgoingMessage, to request: ClientRequest) {
        if KernelSockets.isOwn(request) { front.reply(message, to: request) }
    }

    /// See the protocol that requires it.
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {
        if KernelSockets.isOwn(request) { front.askForInput(message, of: request) }
    }

    /// See the protocol that requires it.
    func receive() -> Bool { front.receive() }

    /// Whether a request came by these sockets: no client of the server's and no execution has sent it.
    private static func isOwn(_ request: ClientRequest) -> Bool {
        request.identities != Executions.identities && !ClientFront.isClient(request.identities)
    }
}
