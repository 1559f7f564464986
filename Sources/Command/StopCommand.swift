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
        var ended: [String] = []
        try Failure.report("stop") {
            let keeper = try place.keeper()
            for kernel in kernels {
                do {
                    guard let keeper else { throw KernelError(code: "kernel_unknown", "") }
                    for name in try StopCommand.names(of: kernel, keeper) { try keeper.stop(name) }
                } catch let error as KernelError where error.code == "kernel_unknown" {
                    guard try mayBeListed(kernel, keeper) else {
                        throw Failure("there is no kernel \(kernel); husk ps shows those that are")
                    }
                    ended.append(kernel)
                }
            }
        }
        if !ended.isEmpty { try ServerProgram.become("stop", ended + ["--state", place.directory]) }
    }

    /// Whether a server may still list a kernel that has ended: not when another one with its id lives.
    private func mayBeListed(_ kernel: String, _ keeper: KeeperConnection?) throws -> Bool {
        let id = JupyterID.ofKernel(named: kernel) ?? kernel
        guard JupyterID.isValid(id), Files.exists("\(place.directory)/server.json") else { return false }
        return try keeper?.kernels().contains { JupyterID.ofKernel(named: $0.kernel) == id } != true
    }

    /// The names that are meant: a server's kernel has two for a moment, while it is restarted.
    private static func names(of kernel: String, _ keeper: KeeperConnection) throws -> [String] {
        guard JupyterID.isValid(kernel) else { return [kernel] }
        let names = try keeper.kernels().map(\.kernel).filter { JupyterID.ofKernel(named: $0) == kernel }
        return names.isEmpty ? [kernel] : names
    }
}
