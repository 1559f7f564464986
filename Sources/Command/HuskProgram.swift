import ArgumentParser

/// The program behind `husk`.
public enum HuskProgram {
    /// Parses the command line and runs the command. Ends the process with the command's status.
    public static func main() {
        HuskCommand.main(CellParameter.joined(Array(CommandLine.arguments.dropFirst())))
    }
}
