import ArgumentParser
import Glibc

/// The program behind `husk`.
public enum HuskProgram {
    /// Parses the command line and runs the command. Ends the process with the command's status.
    public static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try HuskCommand.parseAsRoot(CellParameter.joined(arguments))
            try command.run()
        } catch {
            let code = HuskCommand.exitCode(for: error)
            for line in lines(of: HuskCommand.fullMessage(for: error), arguments) {
                if code == .success { print(StandardError.safe(line)) } else { StandardError.line(line) }
            }
            fflush(nil)
            _exit(code.rawValue)
        }
    }

    /// The lines of a message about the command line, whose words may be names of files that somebody else has made:
    /// they make no lines of their own.
    private static func lines(of message: String, _ arguments: [String]) -> [String] {
        var message = message
        for argument in arguments where argument != StandardError.safe(argument) {
            message = message.replacing(argument, with: StandardError.safe(argument))
        }
        if message.isEmpty { return [] }
        return message.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}
