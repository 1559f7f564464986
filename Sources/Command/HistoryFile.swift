import KernelRuntime

/// Where a user's kernels remember their inputs.
enum HistoryFile {
    /// The history that is meant by the text of an option; nil is the default, a file of the user's data folder (XDG
    /// Base Directory Specification).
    static func resolve(_ text: String?) -> KernelServer.History {
        if let text { return text == ":memory:" ? .own : .file(Files.absolute(text)) }
        return UserData.folder().map { .file("\($0)/history.sqlite") } ?? .own
    }
}
