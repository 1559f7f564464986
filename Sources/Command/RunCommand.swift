import ArgumentParser

/// `husk run`: replays a notebook in a sandbox.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a notebook or a Python file in a sandbox, and show what comes.")

    @Argument(help: "The notebook (.ipynb) or Python file.")
    var path: String

    @OptionGroup var options: SandboxOptions

    func run() throws {
        try Failure.report("run") { throw Failure("not there yet") }
    }
}
