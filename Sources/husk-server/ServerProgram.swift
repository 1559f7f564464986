import ArgumentParser
import Glibc

/// The program: options from wherever they are, then the server.
@main
enum ServerProgram {
    static func main() async {
        do {
            let configuration = try ServerConfiguration(
                commandLine: Array(CommandLine.arguments.dropFirst()), environment: ProcessVariables.all)
            await ServerCommand.main(configuration.arguments)
        } catch {
            let line = Array("husk serve: \(error)\n".utf8)
            _ = write(2, line, line.count)
            exit(2)
        }
    }
}
