import ArgumentParser
import Logging

/// The options for what the server says on its standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    enum Level: String, ExpressibleByArgument, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    @Option(help: "How events are written down: text or json, one a line.")
    var logFormat: Format = .text

    @Option(help: "The least of events that are written down; from info on each request is one.")
    var logLevel = Level.warning

    /// Makes the server's log.
    func logger() -> Logger {
        var logger = Logger(label: "husk") { label in
            switch logFormat {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler(label: label)
            }
        }
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .warning
        return logger
    }

    /// Says something that whoever starts the server should know, whatever the level.
    func say(_ text: String) {
        guard logFormat == .json else { return ServerCommand.say(text) }
        JSONLogHandler(label: "husk").log(
            event: LogEvent(
                level: .notice, message: "\(text)", metadata: nil, source: "husk", file: #fileID, function: #function,
                line: #line))
    }
}
