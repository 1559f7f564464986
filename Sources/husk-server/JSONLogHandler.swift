import Glibc
import JupyterProtocol
import LinuxKit
import Logging

/// Writes each event as a JSON object in a line of its own, for programs that collect logs.
struct JSONLogHandler: LogHandler {
    let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        var members: [String: JSONValue] = [
            "time": .string(Timestamp.iso8601(microseconds: WallClock.microseconds)),
            "level": .string(event.level.rawValue), "logger": .string(label), "message": .string("\(event.message)"),
        ]
        if let error = event.error { members["error"] = .string("\(error)") }
        if !all.isEmpty { members["metadata"] = .object(all.mapValues(JSONLogHandler.json)) }
        // In one call, so that lines of several threads do not mix.
        let line = JSONValue.object(members).encoded() + [UInt8(ascii: "\n")]
        _ = write(2, line, line.count)
    }

    private static func json(_ value: Logger.Metadata.Value) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string("\(value)")
        case .array(let values): .array(values.map(json))
        case .dictionary(let members): .object(members.mapValues(json))
        }
    }
}
