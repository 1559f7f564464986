import ArgumentParser
import Glibc
import JupyterProtocol
import LinuxKit

/// `husk install`: tells Jupyter about the kernel.
struct InstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install the kernelspec, so that Jupyter clients offer the kernel.")

    @Flag(help: "For you only (the default).")
    var user = false

    @Flag(help: "Into the virtual environment of --python.")
    var sysPrefix = false

    @Option(help: "Into PREFIX/share/jupyter.")
    var prefix: String?

    @Option(help: "The kernelspec's name.")
    var name = "husk-python"

    @Option(help: "The Python that the kernel runs.")
    var python: String?

    func run() throws {
        try Failure.report("install") {
            let installation = try Installation.current()
            let python = try PythonInstallation(self.python)
            let source = "\(installation.kernels)/python"
            var spec = try JSONValue(parsing: try WholeFile.read("\(source)/kernel.json"))
            spec["argv"] = .array(
                [
                    "\(installation.programs)/husk", "kernel", "-f", "{connection_file}", "--python", python.program,
                    "--kernelspec", "{resource_dir}",
                ].map { .string($0) })
            let folder = try "\(data(python))/kernels/\(name)"
            try Files.makeDirectories(folder)
            for logo in ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"] {
                try WholeFile.write(try WholeFile.read("\(source)/\(logo)"), to: "\(folder)/\(logo)")
            }
            try WholeFile.write(spec.encodedForNotebook(), to: "\(folder)/kernel.json")
            print("Installed \(name) in \(folder)")
        }
    }

    /// Jupyter's data folder (jupyter_core, "Data files").
    private func data(_ python: PythonInstallation) throws -> String {
        guard [user, sysPrefix, prefix != nil].filter({ $0 }).count < 2 else {
            throw Failure("--user, --sys-prefix and --prefix exclude each other", status: Failure.usage)
        }
        if let prefix { return "\(Files.absolute(prefix))/share/jupyter" }
        if sysPrefix { return "\(Files.parent(Files.parent(python.program)))/share/jupyter" }
        if let folder = Environment["JUPYTER_DATA_DIR"] { return folder }
        let home = Environment["XDG_DATA_HOME"] ?? "\(Environment["HOME"] ?? "/root")/.local/share"
        return "\(home)/jupyter"
    }
}
