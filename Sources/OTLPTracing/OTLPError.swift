/// Why spans cannot be exported.
public enum OTLPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An address is none.
    case badAddress(String)

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .badAddress(let text): "\(text) is no address of a collector; write http://HOST:PORT or https://HOST"
        }
    }
}
