import ArgumentParser
import KernelRuntime

/// `husk stop`: ends kernels.
struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End kernels, whoever uses them; their clients hear that an operator did.")

    @Argument(help: "Names of kernels, as husk ps shows them.")
    var kernels: [String]

    @OptionGroup var place: StateOption

    func run() throws {
        try Failure.report("stop") {
            guard let keeper = try place.keeper() else { throw Failure("there is no kernel \(kernels[0])") }
            for kernel in kernels {
                do {
                    try keeper.stop(kernel)
                } catch let error as KernelError where error.code == "kernel_unknown" {
                    throw Failure("there is no kernel \(kernel); husk ps shows those that are")
                }
            }
        }
    }
}
