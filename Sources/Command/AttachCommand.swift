import ArgumentParser
import Glibc
import JupyterProtocol
import LeaseWire
import LinuxKit

/// `husk attach`: a terminal at a kernel of the running server.
struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "See what a kernel of the running server prints, and run cells in it.",
        discussion: """
            A cell is run once it is whole. Ctrl-C interrupts it, Ctrl-D leaves; the kernel goes on. Cells can also come \
            from a pipe: the status is 1 then if the last one has failed.
            """)

    @Argument(help: "The kernel's id.")
    var kernel: String

    @OptionGroup var place: StateOption

    func run() throws {
        try Failure.report("attach") {
            let state = StateDirectories.resolve(place.state)
            guard let server = LeaseConnection(state: state) else {
                throw Failure("no server runs on \(state); start one by husk serve, or name another by --state")
            }
            guard case .connection(let bytes) = try server.ask(.connect(id: kernel)) else {
                throw Failure("there is no kernel \(kernel) that runs; husk ps shows those that do")
            }
            let signals = try SignalSource([SIGINT])
            signal(SIGPIPE, SIG_IGN)
            let loop = try EventLoop()
            let client = try KernelClient(try ConnectionFile(parsing: bytes), loop: loop)
            defer { client.close() }
            let console = KernelConsole(client, loop: loop)
            _ = try loop.watch(signals.descriptor.number) { _ in
                while signals.next() != nil { console.interrupt() }
            }
            _ = try loop.watch(server.descriptor) { _ in console.lose("the server has gone") }
            let isWell = try console.run()
            if let end = console.end { throw Failure(end) }
            if !isWell, isatty(0) == 0 { throw ExitCode(1) }
        }
    }
}
