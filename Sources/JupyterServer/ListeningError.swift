import Glibc

/// Why a server cannot listen where it was told to (bind(2)).
public enum ListeningError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program has the port.
    case inUse(String)
    /// No interface has the address.
    case noAddress(String)
    /// The port is for root.
    case forbidden(String)

    /// Reads an error number; nil for one that says nothing of a place to listen at.
    init?(_ errno: Int32, host: String, port: Int) {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        switch errno {
        case EADDRINUSE: self = .inUse(place)
        case EADDRNOTAVAIL: self = .noAddress(place)
        case EACCES: self = .forbidden(place)
        default: return nil
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .inUse(let place):
            "another program listens at \(place) already; end it, or name another port by --port (0 for any that is free)"
        case .noAddress(let place): "this machine does not have the address of \(place); name one that it has by --host"
        case .forbidden(let place): "only root may listen at \(place); name a port from 1024 on by --port"
        }
    }
}
