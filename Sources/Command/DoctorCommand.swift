import ArgumentParser

/// `husk doctor`: what this machine offers.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this machine offers, what is missing, and what mends it.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try Failure.report("doctor") { throw Failure("not there yet") }
    }
}
