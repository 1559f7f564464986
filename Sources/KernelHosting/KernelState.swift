import KeeperWire

/// How a hosted kernel is.
public struct KernelState: Hashable, Sendable {
    /// What it is doing.
    public enum Activity: String, Hashable, CaseIterable, Sendable { case starting, idle, busy, restarting, dead }

    /// What it is doing.
    public let activity: Activity
    /// Why it is dead: a stable name for programs.
    public let reason: String?
    /// Why it is dead: the sentence for a user.
    public let message: String?
    /// When something last happened, in microseconds since 1970.
    public let lastActivity: Int64
    /// How many clients listen.
    public let connections: Int

    /// Describes how a kernel is.
    init(activity: Activity, death: Death? = nil, lastActivity: Int64, connections: Int = 0) {
        self.activity = activity
        reason = death?.code
        message = death?.description
        self.lastActivity = lastActivity
        self.connections = connections
    }
}
