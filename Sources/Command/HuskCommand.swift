import ArgumentParser

/// The `husk` program.
struct HuskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk",
        abstract: "Jupyter kernels in sandboxes.",
        discussion: """
            A kernel lives inside a husk: its own processes, files and network, and none of yours but those you name.
            """,
        version: "0.1.0",
        subcommands: [
            InstallCommand.self, KernelCommand.self, RunCommand.self, ServeCommand.self, ConnectCommand.self,
            LogsCommand.self, AttachCommand.self, DoctorCommand.self, ListCommand.self, StopCommand.self,
            UsageCommand.self,
            JournalCommand.self,
        ])

}
