import EventJournal
import LinuxKit

extension KernelServer {
    /// Tells a client everything that follows a place in the journal.
    ///
    /// - Parameters:
    ///   - sequence: the last event that it knows; nil for what comes from now on.
    ///   - holdsUp: whether the interpreter waits for it when it falls behind.
    public func follow(
        after sequence: UInt64?, through front: any KernelFront, holdsUp: Bool = true
    ) -> Follower {
        let follower = Follower(
            Publisher(journal, after: sequence ?? journal.lastSequence), front: front, holdsUp: holdsUp)
        followers.append(follower)
        if hasReportedEnd { tellTheRest(follower) }
        return follower
    }

    /// Tells what a dead kernel's journal holds: no turn of its own comes any more.
    private func tellTheRest(_ follower: Follower) {
        loop.after(.zero) { [weak self, weak follower] in
            guard let self, let follower, followers.contains(where: { $0 === follower }) else { return }
            while follower.run(machine.memory) {}
            guard !follower.isDone else { return }
            loop.after(.milliseconds(10)) { [weak self, weak follower] in
                if let follower { self?.tellTheRest(follower) }
            }
        }
    }

    /// Tells a client no more.
    public func forget(_ follower: Follower) {
        followers.removeAll { $0 === follower }
        spared.removeAll { $0 === follower }
    }

    /// The last number that an event has.
    public var lastSequence: UInt64 { journal.lastSequence }

    /// When something last happened, in microseconds since 1970; 0 when nothing has since this server has the kernel.
    public var lastActivity: Int64 { journal.lastTime }

    /// Whether the interpreter may go on although not everything has been told: as long as one client keeps up.
    /// The others fall back, and lose what the journal drops.
    ///
    /// An interrupted cell waits for nobody: whoever interrupts it wants it to end.
    func mayGoOn(beyond backlog: Int) -> Bool {
        if let interrupted, machine.running?.number == interrupted { return true }
        if hasFront, publisher.backlog >= backlog { return false }
        let awaited = followers.filter(\.holdsUp)
        return awaited.isEmpty || awaited.contains { !$0.isBehind(backlog) }
    }
}
