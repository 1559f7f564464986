import ArgumentParser
import JupyterServerAPI
import KeeperWire
import KernelRuntime

/// `husk stop`: ends kernels.
struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End kernels, whoever uses them; their clients hear that an operator did.")

    @Argument(help: "Names of kernels, or ids of a server's kernels, as husk ps shows them.")
    var kernels: [String]

    @OptionGroup var place: StateOption

    func run() throws {
        try Failure.report("stop") {
            guard let keeper = try place.keeper() else { throw Failure("there is no kernel \(kernels[0])") }
            for kernel in kernels {
                let names = try StopCommand.names(of: kernel, keeper)
                do {
                    for name in names { try keeper.stop(name) }
                } catch let error as KernelError where error.code == "kernel_unknown" {
                    throw Failure("there is no kernel \(kernel); husk ps shows those that are")
                }
            }
        }
    }

    /// The names that are meant: a server's kernel has two for a moment, while it is restarted.
    private static func names(of kernel: String, _ keeper: KeeperConnection) throws -> [String] {
        guard JupyterID.isValid(kernel) else { return [kernel] }
        let names = try keeper.kernels().map(\.kernel).filter { JupyterID.ofKernel(named: $0) == kernel }
        return names.isEmpty ? [kernel] : names
    }
}
