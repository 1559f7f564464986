import Glibc

/// Where a user's state directory is.
public enum StateDirectories {
    /// The one that is named, by an option or by HUSK_STATE, or the user's own.
    public static func resolve(_ named: String?) -> String {
        if let named = named ?? Environment["HUSK_STATE"] { return Files.absolute(named) }
        if geteuid() == 0 { return "/run/husk" }
        if let runtime = Environment["XDG_RUNTIME_DIR"], Files.isDirectory(runtime) { return "\(runtime)/husk" }
        return "/tmp/husk-\(geteuid())"
    }
}
