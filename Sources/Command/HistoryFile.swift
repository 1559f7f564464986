import Glibc
import KernelRuntime

/// Where a user's kernels remember their inputs.
enum HistoryFile {
    /// The history that is meant by the text of an option; nil is the default, a file of the user's data folder (XDG
    /// Base Directory Specification).
    static func resolve(_ text: String?) -> KernelServer.History {
        if let text { return text == ":memory:" ? .own : .file(Files.absolute(text)) }
        let data = Environment["XDG_DATA_HOME"] ?? Environment["HOME"].map { "\($0)/.local/share" }
        guard let data, data.hasPrefix("/") else { return .own }
        let folder = "\(data)/husk"
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/\(part)"
            mkdir(path, 0o700)
        }
        return access(folder, W_OK) == 0 ? .file("\(folder)/history.sqlite") : .own
    }
}
