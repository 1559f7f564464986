import Configuration

/// The options of a server: those of its command line before variables (`HUSK_…`), those before a file's (`--config`).
///
/// The result is a command line, so that whoever reads options need not know where they come from.
struct ServerConfiguration {
    /// The options as arguments.
    let arguments: [String]

    /// Puts options together.
    ///
    /// - Parameter commandLine: the arguments that the program was started with, without its name.
    init(commandLine: [String], environment: [String: String]) throws(ConfigurationError) {
        var given: Set<String> = []
        var file = environment["HUSK_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        for (index, argument) in commandLine.enumerated() where argument.hasPrefix("--") {
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            given.insert(String(parts[0]))
            guard parts[0] == "config" else { continue }
            file = parts.count > 1 ? String(parts[1]) : index + 1 < commandLine.count ? commandLine[index + 1] : nil
        }
        // An empty variable is none; only an empty token says something.
        let variables = environment.filter { !$0.value.isEmpty || $0.key == "HUSK_TOKEN" }
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: variables)]
        if let file { providers.append(try ConfigurationFile.read(file)) }
        var arguments: [String] = []
        for option in ServerOption.all.values.sorted(by: { $0.name < $1.name }) where !given.contains(option.name) {
            arguments += try ServerConfiguration.arguments(of: option, from: providers)
        }
        self.arguments = arguments + commandLine.flatMap(ServerConfiguration.whole)
    }

    /// A word of the command line; an empty text behind `=` becomes a word of its own, as in `argument(_:_:)`.
    private static func whole(_ word: String) -> [String] {
        let name = word.dropFirst(2).dropLast()
        guard word == "--\(name)=", let option = ServerOption.all[String(name)], option.kind == .text else {
            return [word]
        }
        return argument(option.name, "")
    }

    /// The arguments for an option, from the first that has a value for it.
    private static func arguments(
        of option: ServerOption, from providers: [any ConfigProvider]
    ) throws(ConfigurationError) -> [String] {
        for provider in providers {
            let found: LookupResult
            do {
                found = try provider.value(forKey: option.key, type: type(of: option.kind))
            } catch {
                // What a file holds has been checked.
                throw .mismatch(option.variable, option.kind)
            }
            guard let content = found.value?.content else { continue }
            switch content {
            case .string(let text): return argument(option.name, text)
            case .int(let number):
                // Numbers of a file have been looked at.
                if let range = option.range, !range.contains(number) { throw .outOfRange(option.variable, range) }
                return ["--\(option.name)=\(number)"]
            case .double(let number): return ["--\(option.name)=\(number)"]
            case .bool(let isSet): return isSet ? ["--\(option.name)"] : []
            case .stringArray(let texts): return texts.flatMap { argument(option.name, $0) }
            default: continue
            }
        }
        return []
    }

    /// An option with a text, which may begin with a dash or be empty: behind a bare `=` the next word is taken for it.
    private static func argument(_ name: String, _ text: String) -> [String] {
        text.isEmpty ? ["--\(name)", ""] : ["--\(name)=\(text)"]
    }

    private static func type(of kind: ServerOption.Kind) -> ConfigType {
        switch kind {
        case .text: .string
        case .integer: .int
        case .number: .double
        case .flag: .bool
        case .list: .stringArray
        }
    }
}
