/// How a hosted kernel is.
public struct KernelState: Hashable, Sendable {
    /// What it is doing.
    public enum Activity: String, Hashable, CaseIterable, Sendable { case starting, idle, busy, restarting, dead }

    /// What it is doing.
    public let activity: Activity
    /// Why it is dead, a sentence.
    public let reason: String?
    /// When something last happened, in microseconds since 1970.
    public let lastActivity: Int64
    /// How many clients listen.
    public let connections: Int

    /// Describes how a kernel is.
    public init(activity: Activity, reason: String? = nil, lastActivity: Int64, connections: Int = 0) {
        self.activity = activity
        self.reason = reason
        self.lastActivity = lastActivity
        self.connections = connections
    }
}
