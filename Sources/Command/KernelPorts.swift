import Glibc
import JupyterProtocol
import KernelRuntime
import LinuxKit

/// The ports of a new kernel: what its connection file says, and for 0 what is free.
///
/// They are taken before anything else happens: a port in use is the client's mistake and costs no sandbox.
struct KernelPorts {
    /// What the file said, with every port known.
    let connection: ConnectionFile
    /// A listening socket for each of `ConnectionFile.Socket.allCases`; none with ipc, which has no ports to lose.
    let listeners: [OwnedDescriptorBox]

    let file: String
    private let firstChosen: ConnectionFile.Socket?

    /// Takes the ports. Throws a `Failure` that names the field of the port that cannot be had.
    ///
    /// A launcher that registers kernels hears all five, and new ones after a restart; those in the file are then an
    /// earlier kernel's.
    init(of wanted: ConnectionFile, file: String) throws {
        var wanted = wanted
        if wanted.registration != nil { wanted.ports = [:] }
        self.file = file
        firstChosen = wanted.firstOpenPort
        if firstChosen != nil, !Files.isRegular(file) {
            throw KernelPorts.unwritable(file, firstChosen, "it is no ordinary file")
        }
        var connection = wanted
        var listening: [ConnectionFile.Socket: OwnedDescriptorBox] = [:]
        // Those that are given first, so that none of them is picked.
        let sockets = ConnectionFile.Socket.allCases
        let ports = sockets.map { ($0, wanted.ports[$0] ?? 0) }
        for (socket, port) in ports.filter({ $0.1 != 0 }) + ports.filter({ $0.1 == 0 }) {
            if connection.transport == "ipc" {
                if port == 0 { connection.ports[socket] = KernelPorts.freeNumber(connection) }
                continue
            }
            do throws(SystemError) {
                let listener =
                    port == 0
                    ? try TCPListener.listenOnFreePort(address: connection.ip)
                    : try TCPListener.listen(address: connection.ip, port: port)
                connection.ports[socket] = try TCPListener.port(of: listener)
                listening[socket] = OwnedDescriptorBox(listener)
            } catch {
                let field = error.operation == "getaddrinfo" || error.errno == EADDRNOTAVAIL ? "ip" : socket.field
                throw Failure("connection file \(file): \(field): \(error)", status: Failure.usage)
            }
        }
        self.connection = connection
        listeners = sockets.compactMap { listening[$0] }
    }

    /// Tells the ports to a launcher that waits for them, if there is one. The sockets listen already, so that its
    /// clients may connect at once, and a launcher that has gone costs no sandbox.
    func register(key: SigningKey, signals: borrowing SignalSource, loop: EventLoop) throws {
        guard let registration = connection.registration else { return }
        let socket: RegistrationSocket
        do {
            socket = try RegistrationSocket(connection, to: registration)
        } catch {
            throw Failure("connection file \(file): registration_ip: \(error)", status: Failure.usage)
        }
        defer { socket.close() }
        let watch = try loop.watch(signals.descriptor.number) { _ in }
        defer { loop.forget(watch) }
        do {
            try socket.register(ports: connection.ports, key: key, patience: .seconds(10), loop: loop) {
                // There is nothing to interrupt yet.
                while let signal = signals.next() { if signal != SIGINT { return true } }
                return false
            }
        } catch let error as RegistrationError {
            throw Failure("the launcher at \(connection.endpoint(registration)): \(error)")
        }
    }

    /// Writes the ports that were chosen into the connection file, for its owner alone, as ipykernel does and JEP 66
    /// asks for: who waits for them reads the old file or the new one, and nothing between.
    func write() throws {
        guard firstChosen != nil else { return }
        do {
            try WholeFile.write(connection.encoded(), to: Files.resolved(file) ?? file, mode: 0o600)
        } catch {
            throw KernelPorts.unwritable(file, firstChosen, SystemError.text(of: error.errno))
        }
    }

    private static func unwritable(_ file: String, _ socket: ConnectionFile.Socket?, _ reason: String) -> Failure {
        Failure(
            "connection file \(file): \(socket?.field ?? "a port") is 0 or missing, and nobody could learn which port"
                + " was chosen: the file cannot be written anew: \(reason)", status: Failure.usage)
    }

    /// The first number whose socket file does not exist, which is how ipykernel and jupyter_client choose.
    private static func freeNumber(_ connection: ConnectionFile) -> Int {
        var number = 1
        while connection.ports.values.contains(number) || Files.exists("\(connection.ip)-\(number)") { number += 1 }
        return number
    }
}
