/// Why the options of a file or of the environment cannot be had.
enum ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file cannot be read.
    case unreadable(String, reason: String)
    /// A file holds no JSON object.
    case noObject(String, reason: String)
    /// A file has a key that is no option.
    case unknown(String, in: String)
    /// An option takes something else. Where it stands is a file and a key, or a variable.
    case mismatch(String, ServerOption.Kind)

    /// An option takes other numbers.
    case outOfRange(String, ClosedRange<Int>)
    /// A file has a key more than once.
    case repeated(String, in: String)

    var description: String {
        switch self {
        case .unreadable(let file, let reason): "--config \(file) cannot be read: \(reason)"
        case .noObject(let file, let reason):
            "\(file) must be one JSON object with the names of options as keys, and is not: \(reason)"
        case .unknown(let key, let file):
            "\(file): there is no option \"\(key)\"; keys are those of `husk serve --help` and `husk kernel --help`, "
                + "without dashes in front"
        case .mismatch(let place, let kind): "\(place) must be \(kind.rawValue)"
        case .outOfRange(let place, let range):
            range.upperBound == Int.max
                ? "\(place) must be \(range.lowerBound) or more"
                : "\(place) must be from \(range.lowerBound) to \(range.upperBound)"
        case .repeated(let key, let file): "\(file): \"\(key)\" is there more than once"
        }
    }
}
