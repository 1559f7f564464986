import ArgumentParser
import Glibc
import LinuxKit
import NIOHTTP1

/// `husk connect`: a connection file for a kernel of the server, so that any Jupyter client can join it.
struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk connect",
        abstract: "Write a connection file for a kernel of the running server.",
        discussion: "`jupyter console --existing FILE` and every other Jupyter client take it; both see one kernel.")

    @Argument(help: "The kernel's id, as husk ps shows it.")
    var kernel: String

    @Option(
        name: [.customShort("f"), .customLong("f"), .customLong("file")],
        help: "The file to write; KERNEL.json in this folder otherwise.")
    var file: String?

    @Option(help: "The server's folder for sockets and journals.")
    var state: String?

    func run() async throws {
        let kernel = kernel
        let connection = try await ServerClient.using(state) { server in
            try await ServerClient.bytes(try await server.ask(.POST, kernel: kernel, "/connect"))
        }
        let path = file ?? "\(kernel).json"
        try WholeFile.write(connection, to: path, mode: 0o600)
        print(path)
    }
}
