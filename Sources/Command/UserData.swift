import Glibc

/// What a user keeps for longer than a kernel lives (XDG Base Directory Specification).
enum UserData {
    /// The folder, made if need be; nil when it cannot be written.
    static func folder() -> String? {
        let data = Environment["XDG_DATA_HOME"] ?? Environment["HOME"].map { "\($0)/.local/share" }
        guard let data, data.hasPrefix("/") else { return nil }
        let folder = "\(data)/husk"
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/\(part)"
            mkdir(path, 0o700)
        }
        // SQLite is told to follow no link; those on the way are the user's own.
        return access(folder, W_OK) == 0 ? Files.resolved(folder) : nil
    }

    /// The folder of what can be made again.
    static func cache() throws -> String {
        let cache = Environment["XDG_CACHE_HOME"] ?? Environment["HOME"].map { "\($0)/.cache" }
        guard let cache, cache.hasPrefix("/") else { throw Failure("there is no cache folder: HOME is not set") }
        let folder = "\(cache)/husk"
        try Files.makeDirectories(folder)
        return folder
    }

    /// The ledger of what sandboxes have used.
    static var ledger: String? { folder().map { "\($0)/usage.sqlite" } }
}
