import EventJournal
import JupyterProtocol
public import LinuxKit

/// What an interpreter has said that has ended, for clients that were away. On its kernel's thread.
public final class EndedEvents {
    /// The session id in the header of everything that it has said.
    public let session: String
    private let journal: Journal
    private let memory: RequestMemory
    private let loop: EventLoop
    private var followers: [Follower] = []

    /// What is still there of a kernel whose server has gone as well, if it died of something; nil when nothing is.
    public convenience init?(of place: KernelServer.Place, session: String, loop: EventLoop) {
        guard let journal = EndedKernels.journal(of: place) else { return nil }
        var recovery = SessionRecovery(ports: .object([:]))
        recovery.read(journal)
        self.init(journal, recovery.machine.memory, session: session, loop: loop)
    }

    init(_ journal: Journal, _ memory: RequestMemory, session: String, loop: EventLoop) {
        self.journal = journal
        self.memory = memory
        self.session = session
        self.loop = loop
    }

    /// The number of its last event.
    public var lastSequence: UInt64 { journal.lastSequence }

    /// Tells a client everything that follows a number, and calls `then` after that.
    public func follow(
        after sequence: UInt64, through front: any KernelFront, then: @escaping () -> Void
    ) -> Follower {
        let follower = Follower(Publisher(journal, after: sequence), front: front, holdsUp: false)
        goOn(with: follower, then: then)
        return follower
    }

    /// Tells the rest to a client that the interpreter's server has told a part, and calls `then` after that. One that
    /// waits for a certain event waits for that instead.
    public func goOn(with follower: Follower, then: @escaping () -> Void) {
        if !follower.awaitsEvent { follower.onceTold(upTo: journal.lastSequence, then) }
        followers.append(follower)
        loop.after(.zero) { [weak self, weak follower] in
            if let follower { self?.run(follower) }
        }
    }

    /// Tells a client no more.
    public func forget(_ follower: Follower) { followers.removeAll { $0 === follower } }

    private func run(_ follower: Follower) {
        guard followers.contains(where: { $0 === follower }) else { return }
        while follower.run(memory) {}
        guard !follower.isDone else { return forget(follower) }
        // A client without room does not ring.
        loop.after(.milliseconds(10)) { [weak self, weak follower] in
            if let follower { self?.run(follower) }
        }
    }
}
