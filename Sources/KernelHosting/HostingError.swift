/// Why a server's kernels cannot be had.
public enum HostingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another server has the state directory.
    case inUse(String)
    /// A later version has written the register.
    case laterRegister(String)
    /// There is a kernel of this id.
    case exists(String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .inUse(let state): "another server runs in \(state); stop it, or name another folder by --state"
        case .laterRegister(let path): "\(path) was written by a later version of Husk; use that, or another --state"
        case .exists(let id): "there is a kernel \(id) already"
        }
    }
}
