import ArgumentParser
import Glibc

/// The program: the server with options from wherever they are, and the commands that ask it.
@main
enum ServerProgram {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "connect": await run(ConnectCommand.self, Array(arguments.dropFirst()))
        case "stop": await run(StopCommand.self, Array(arguments.dropFirst()))
        case "logs": await run(LogsCommand.self, Array(arguments.dropFirst()))
        default: await serve(arguments.first == "serve" ? Array(arguments.dropFirst()) : arguments)
        }
    }

    private static func serve(_ arguments: [String]) async {
        do {
            let configuration = try ServerConfiguration(commandLine: arguments, environment: ProcessVariables.all)
            await ServerCommand.main(configuration.arguments)
        } catch {
            fail("husk serve: \(error)", status: 2)
        }
    }

    private static func run<Command: AsyncParsableCommand>(_ command: Command.Type, _ arguments: [String]) async {
        var parsed: any AsyncParsableCommand
        do {
            guard let command = try command.parseAsRoot(arguments) as? Command else { return }
            parsed = command
        } catch { command.exit(withError: error) }
        do {
            try await parsed.run()
        } catch {
            fail("\(command.configuration.commandName ?? "husk"): \(error)", status: 1)
        }
    }

    private static func fail(_ text: String, status: Int32) -> Never {
        let line = Array("\(text)\n".utf8)
        _ = write(2, line, line.count)
        exit(status)
    }
}
