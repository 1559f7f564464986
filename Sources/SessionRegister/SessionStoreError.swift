/// Why the sessions of a state directory cannot be had.
public enum SessionStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A later version has written the database.
    case later(String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .later(let path): "\(path) was written by a later version of Husk; use that, or another --state"
        }
    }
}
