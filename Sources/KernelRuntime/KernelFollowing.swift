import EventJournal

extension KernelServer {
    /// Tells a client everything that follows a place in the journal.
    ///
    /// - Parameter sequence: the last event that it knows; nil for what comes from now on.
    public func follow(after sequence: UInt64?, through front: any KernelFront) -> Follower {
        let follower = Follower(Publisher(journal, after: sequence ?? journal.lastSequence), front: front)
        followers.append(follower)
        return follower
    }

    /// Tells a client no more.
    public func forget(_ follower: Follower) {
        followers.removeAll { $0 === follower }
    }

    /// The last number that an event has.
    public var lastSequence: UInt64 { journal.lastSequence }

    /// When something last happened, in microseconds since 1970; 0 when nothing has since this server has the kernel.
    public var lastActivity: Int64 { journal.lastTime }

    /// Whether the interpreter may go on although not everything has been told: as long as one client keeps up.
    /// The others fall back, and lose what the journal drops.
    func mayGoOn(beyond backlog: Int) -> Bool {
        if hasFront, publisher.backlog >= backlog { return false }
        return followers.isEmpty || followers.contains { !$0.isBehind(backlog) }
    }
}
