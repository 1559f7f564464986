/// Remembers signatures, so that a message that somebody recorded cannot be sent once more.
public struct ReplayGuard: Sendable {
    private let capacity: Int
    private var recent: Set<[UInt8]> = []
    private var older: Set<[UInt8]> = []

    /// Remembers at least the last `capacity` signatures, and at most twice as many.
    public init(capacity: Int = 65_536) {
        self.capacity = capacity
    }

    /// Whether the signature is new; it is not the next time. An empty one, of an unsigned message, always is.
    public mutating func isNew(_ signature: [UInt8]) -> Bool {
        if signature.isEmpty { return true }
        if recent.contains(signature) || older.contains(signature) { return false }
        if recent.count >= capacity {
            older = recent
            recent = []
        }
        recent.insert(signature)
        return true
    }
}
