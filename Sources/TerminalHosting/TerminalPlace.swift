public import KeeperWire

/// Where a server's terminals are, and who starts them.
public struct TerminalPlace: Sendable {
    /// Makes the order for a terminal: of a sandbox of its own, or in that of a kernel.
    public typealias Plan = @Sendable (_ origin: TerminalOrigin, _ name: String) throws -> KernelOrder

    /// The state directory.
    let state: String
    /// The keeper's program.
    let keeper: String
    let plan: Plan

    /// Describes a place.
    public init(state: String, keeper: String, plan: @escaping Plan) {
        self.state = state
        self.keeper = keeper
        self.plan = plan
    }
}

/// Where a terminal is to be opened.
public struct TerminalOrigin: Hashable, Sendable {
    /// The folder it starts in, below the server's; empty for that.
    public var path: String
    /// The sandbox to join, a kernel's; nil for one of its own.
    public var sandbox: String?

    /// Describes an origin.
    public init(path: String = "", sandbox: String? = nil) {
        self.path = path
        self.sandbox = sandbox
    }
}
