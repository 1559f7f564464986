import ArgumentParser
import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit
import NotebookFormat

/// `husk run`: replays a notebook in a sandbox.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a notebook or a Python file in a sandbox, and show what comes.",
        discussion:
            "Exits with 0 when every cell ran (and, with --check, gave what is stored), with 1 when not, with 2 for bad input."
    )

    @Argument(help: "The notebook (.ipynb), or a Python file with a cell for each # %% line.")
    var path: String

    @Option(
        name: [.customShort("p"), .customLong("parameter")],
        help: ArgumentHelp("Set a variable behind the cell tagged parameters.", valueName: "name value"))
    var parameters: [String] = []

    @Option(help: "Write the notebook with its new outputs.")
    var output: String?

    @Flag(help: "Compare each cell's outputs with the stored ones.")
    var check = false

    @Option(help: "Time for each cell, for example 30s or 2m.")
    var timeout: DurationArgument?

    @Flag(help: "Go on after a cell that raises.")
    var allowErrors = false

    @Flag(help: "Print one JSON object at the end instead of the cells.")
    var json = false

    @Option(help: "Save pictures that cells show into this folder.")
    var pictures: String?

    @OptionGroup var options: SandboxOptions

    func run() throws {
        try Failure.report("run") {
            var notebook = try readNotebook()
            try set(parameters, in: &notebook)
            var target: HeldFolder?
            if let output {
                let folder = Files.parent(Files.absolute(output))
                target = access(folder, W_OK) == 0 ? try? HeldFolder(folder) : nil
                guard target != nil else {
                    throw Failure("--output \(output): the folder \(folder) cannot be written", status: Failure.usage)
                }
            }
            let shown = try pictures.map { try folder(for: $0) }
            let replay = NotebookReplay(
                notebook: notebook, name: Files.name(path), check: check, allowErrors: allowErrors,
                timeout: timeout?.duration, printer: CellPrinter(isQuiet: json, pictures: shown, folder: pictures ?? "")
            )
            try replay.run(options)
            if let output, let target { try target.write(replay.notebook.encoded(), to: Files.name(output)) }
            if json { print(TerminalText.json(replay.summary)) }
            fflush(nil)
            if !replay.hasSucceeded { throw ExitCode(Failure.general) }
        }
    }

    /// The folder for pictures, made if need be.
    private func folder(for pictures: String) throws -> HeldFolder {
        do throws(SystemError) {
            try Files.makeDirectories(pictures)
            return try HeldFolder(pictures)
        } catch {
            throw Failure("--pictures \(pictures): \(SystemError.text(of: error.errno))", status: Failure.usage)
        }
    }

    private func set(_ parameters: [String], in notebook: inout Notebook) throws {
        guard !parameters.isEmpty else { return }
        let assignments = try parameters.map { text in
            guard let parameter = CellParameter(text) else {
                throw Failure("-p \(text): write -p NAME VALUE, NAME a variable", status: Failure.usage)
            }
            return parameter.assignment
        }
        let source = (["# Parameters"] + assignments).joined(separator: "\n")
        if !notebook.setParameters(source) {
            StandardError.line("husk run: no cell is tagged parameters; the values are set before the first cell.")
        }
    }

    private func readNotebook() throws -> Notebook {
        let bytes: [UInt8]
        do {
            bytes = try WholeFile.read(path)
        } catch {
            throw Failure("\(path): \(SystemError.text(of: error.errno))", status: Failure.usage)
        }
        if path.hasSuffix(".py") {
            guard let source = String(validating: bytes, as: UTF8.self) else {
                throw Failure("\(path): it is not UTF-8", status: Failure.usage)
            }
            return Notebook(python: source)
        }
        do {
            return try Notebook(parsing: bytes)
        } catch {
            throw Failure("\(path): \(error)", status: Failure.usage)
        }
    }
}
