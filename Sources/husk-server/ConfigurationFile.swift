import Configuration
import Glibc
import JupyterProtocol

/// Options in a file: a JSON object whose keys are the options' names.
enum ConfigurationFile {
    /// Reads a file. Everything in it is checked, also what the command line then overrules.
    static func read(_ path: String) throws(ConfigurationError) -> InMemoryProvider {
        let members: [String: JSONValue]
        do {
            let bytes = try bytes(of: path)
            guard let object = try JSONValue(parsing: bytes).objectValue else {
                throw ConfigurationError.noObject(path, reason: "it is another value")
            }
            // Whoever has written both cannot know which one counts.
            if let key = try JSONMembers.repeatedName(in: bytes) { throw ConfigurationError.repeated(key, in: path) }
            members = object
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw .noObject(path, reason: "\(error)")
        }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let option = ServerOption.all[key] else { throw .unknown(key, in: path) }
            guard let content = content(value, option.kind) else {
                throw .mismatch("\(path): \"\(key)\"", option.kind)
            }
            if case .int(let number) = content, let range = option.range, !range.contains(number) {
                throw .outOfRange("\(path): \"\(key)\"", range)
            }
            values[option.key] = ConfigValue(content, isSecret: key == "token")
        }
        return InMemoryProvider(name: path, values: values)
    }

    private static func content(_ value: JSONValue, _ kind: ServerOption.Kind) -> ConfigContent? {
        switch (kind, value) {
        case (.text, .string(let text)): return .string(text)
        case (.integer, .integer(let number)): return .int(Int(number))
        case (.number, .integer(let number)): return .double(Double(number))
        case (.number, .number(let number)): return .double(number)
        case (.flag, .bool(let flag)): return .bool(flag)
        case (.list, .array(let values)):
            let texts = values.compactMap(\.stringValue)
            return texts.count == values.count ? .stringArray(texts) : nil
        default: return nil
        }
    }

    private static func bytes(of path: String) throws(ConfigurationError) -> [UInt8] {
        guard let file = fopen(path, "re") else { throw .unreadable(path, reason: String(cString: strerror(errno))) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            bytes += part.prefix(count)
        }
        if ferror(file) != 0 { throw .unreadable(path, reason: String(cString: strerror(errno))) }
        return bytes
    }
}

extension ServerOption {
    /// Its place in providers of values.
    var key: AbsoluteConfigKey { AbsoluteConfigKey(["husk", name]) }
}
