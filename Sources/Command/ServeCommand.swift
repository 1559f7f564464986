import ArgumentParser
import Glibc

/// Commands of the server's program, which is one of its own, so that kernels start without what it links.
enum ServerProgram {
    /// Becomes the server's program. Throws when it cannot be started.
    static func become(_ command: String, _ arguments: [String]) throws {
        try Failure.report(command) {
            let program = "\(try Installation.current().programs)/husk-server"
            var argv: [UnsafeMutablePointer<CChar>?] =
                (["husk-server", command] + arguments).map { strdup($0) } + [nil]
            execv(program, &argv)
            throw Failure("\(program) cannot be started: \(String(cString: strerror(errno)))")
        }
    }
}

/// `husk serve`: the server.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve kernels over HTTP and WebSockets (Jupyter Server API).",
        discussion: "`husk serve --help` lists the options.", helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() throws { try ServerProgram.become("serve", arguments) }
}

/// `husk connect`: a connection file for a kernel of the server.
struct ConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Write a connection file for a kernel of the running server.",
        discussion: "`husk connect --help` lists the options.", helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() throws { try ServerProgram.become("connect", arguments) }
}

/// `husk logs`: what the cells of a kernel of the server print.
struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what the cells of a kernel of the running server print.",
        discussion: "`husk logs --help` lists the options.", helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() throws { try ServerProgram.become("logs", arguments) }
}
