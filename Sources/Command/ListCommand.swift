import ArgumentParser
import Glibc
import JupyterProtocol
import JupyterServerAPI
import KeeperWire
import KernelRuntime

/// `husk ps`: the kernels of a state directory, and the limits that are in force for each.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List the kernels, what they use, and which limits are in force for each.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var place: StateOption

    func run() throws {
        try Failure.report("ps") {
            let kernels = try place.kernels().sorted { ($0.began, $0.kernel) < ($1.began, $1.kernel) }
            if json {
                print(TerminalText.json(.array(kernels.map(ListCommand.object))))
            } else {
                for facts in kernels { print(ListCommand.lines(facts)) }
                if kernels.isEmpty { print("There is no kernel.") }
            }
            fflush(nil)
        }
    }

    private static func state(_ facts: KernelFacts) -> String {
        if let death = facts.death { return "ended (\(death.code))" }
        return facts.isServed ? facts.isDurable ? "durable" : "attached" : "waits for a server"
    }

    private static func lines(_ facts: KernelFacts) -> String {
        let use = KernelUse(facts)
        let memory = use.memoryBytes >> 20
        let id = JupyterID.ofKernel(named: facts.kernel).map { "\n    id \($0), for husk connect, logs and stop" } ?? ""
        return """
            \(facts.kernel)  \(state(facts)), of \(facts.owner), pid \(facts.pid), \(use.cpuSeconds.rounded(to: 2)) s of CPU, \(memory) MiB\(id)
                sandbox \(facts.sandboxName); in force: \(facts.limits.joined(separator: ", "))
            """
    }

    private static func object(_ facts: KernelFacts) -> JSONValue {
        let use = KernelUse(facts)
        return [
            "kernel": .string(facts.kernel),
            "id": JupyterID.ofKernel(named: facts.kernel).map { .string($0) } ?? .null, "state": .string(state(facts)),
            "owner": .string(facts.owner),
            "pid": .integer(Int64(facts.pid)), "sandbox": .string(facts.sandboxName),
            "began": .integer(Int64(clamping: facts.began)), "cpu_seconds": .number(use.cpuSeconds),
            "memory_bytes": .integer(Int64(clamping: use.memoryBytes)),
            "limits": .array(facts.limits.map { .string($0) }),
            "death": facts.death.map { .string($0.code) } ?? .null,
        ]
    }
}
