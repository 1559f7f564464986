public import LeaseWire

/// What a hosted kernel was started from, so that it can be started again.
public struct KernelOrigin: Hashable, Sendable {
    /// Its kernelspec's name.
    public var spec: String
    /// The folder that it starts in, as the client has named it; empty for the server's own.
    public var path: String
    /// Variables of the client's.
    public var environment: [String: String]
    /// What the process has brought that owns it; nil when the server's clients own it.
    public var terms: LeaseTerms?

    /// Describes an origin.
    public init(spec: String, path: String = "", environment: [String: String] = [:], terms: LeaseTerms? = nil) {
        self.spec = spec
        self.path = path
        self.environment = environment
        self.terms = terms
    }
}
