public import JupyterServerAPI

/// What becomes of a request.
public struct AccessDecision: Hashable, Sendable {
    /// By what a request has shown that it may pass.
    public enum Credential: Hashable, Sendable {
        /// By the token: such a request comes from somebody who has it, and not from a browser that was talked into it.
        case token
        /// By a login cookie of this user.
        case cookie(user: String)
        /// By nothing: it is for everybody, or the server has no token.
        case unneeded
    }

    /// What becomes of it.
    public enum Outcome: Hashable, Sendable {
        /// It is to be handled.
        case allowed(Credential)
        /// It asks what another site may do: status 200 and the headers are the answer.
        case preflight
        /// Status 302 to the login page at this URL.
        case redirected(String)
        /// It is refused.
        case refused(APIError)
    }

    /// A header of the answer.
    public struct Header: Hashable, Sendable {
        /// The name.
        public var name: String
        /// The value.
        public var value: String

        /// Makes a header.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What becomes of it.
    public var outcome: Outcome
    /// Headers that the answer has, whatever it is.
    public var headers: [Header] = []

    /// The value of a header, the last of equal ones.
    public func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
}
