import KeeperWire

/// A kernel has ended, and nobody had asked its server to end it.
public struct KernelDeath: Hashable, Sendable {
    /// The kernel's id.
    public let id: String
    /// Its kernelspec's name.
    public let name: String
    /// Why: a stable name for programs.
    public let code: String
    /// Why: the sentence for a user.
    public let reason: String

    init(id: String, name: String, death: Death) {
        self.id = id
        self.name = name
        code = death.code
        reason = death.description
    }
}
