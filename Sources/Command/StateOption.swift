import ArgumentParser
import KeeperWire
import KernelRuntime

/// The state directory of commands that look at kernels.
struct StateOption: ParsableArguments {
    @Option(help: "Folder for sockets and journals.")
    var state: String?

    var directory: String { StateDirectories.resolve(state) }

    /// The keeper, if one lives.
    func keeper() throws -> KeeperConnection? {
        guard KeeperConnection.exists(state: directory) else { return nil }
        return try KeeperConnection(state: directory, program: Installation.current().keeper)
    }

    /// Its kernels.
    func kernels() throws -> [KernelFacts] {
        try keeper()?.kernels() ?? []
    }
}
