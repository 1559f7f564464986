import LinuxKit

/// Why a section cannot be had or kept.
public enum ConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It can be the name of none.
    case badName(String)
    /// It is longer than a section may be.
    case tooLarge(String)
    /// There are as many as a server keeps.
    case tooMany
    /// The file cannot be written, by this `errno`.
    case system(String, Int32)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .badName(let name): "Not the name of a config section: \(name). It has letters, digits and _."
        case .tooLarge(let name): "The config section \(name) would be longer than \(ConfigStore.largestSection) bytes."
        case .tooMany: "There are \(ConfigStore.sections) config sections, and no more are kept. Delete files of some."
        case .system(let name, let code):
            "The config section \(name) cannot be written: \(SystemError.text(of: code))."
        }
    }
}
