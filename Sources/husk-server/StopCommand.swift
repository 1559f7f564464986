import ArgumentParser
import NIOHTTP1

/// What `husk stop` leaves to the server: kernels that have ended and that it lists all the same.
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk stop", abstract: "Take kernels that have ended off the running server's list.",
        shouldDisplay: false)

    @Argument(help: "Ids of kernels, or names that they have had.")
    var kernels: [String]

    @Option(help: "The server's folder for sockets and journals.")
    var state: String?

    func run() async throws {
        for kernel in kernels {
            do {
                _ = try await ServerClient.using(state) { server in
                    try await ServerClient.bytes(try await server.ask(.DELETE, kernel: kernel, ""))
                }
            } catch let error as ServerClientError where error.status == nil {
                // A server that is gone lists nothing either.
                throw ServerClientError("there is no kernel \(kernel); husk ps shows those that are")
            }
        }
    }
}
