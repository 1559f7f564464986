import ArgumentParser
import Glibc

/// `husk serve`: the server, which is a program of its own, so that kernels start without what it links.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve kernels over HTTP and WebSockets (Jupyter Server API).",
        discussion: "`husk serve --help` lists the options.", helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() throws {
        try Failure.report("serve") {
            let program = "\(try Installation.current().programs)/husk-server"
            var argv: [UnsafeMutablePointer<CChar>?] = (["husk-server"] + arguments).map { strdup($0) } + [nil]
            execv(program, &argv)
            throw Failure("\(program) cannot be started: \(String(cString: strerror(errno)))")
        }
    }
}
