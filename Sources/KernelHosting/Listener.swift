import KernelRuntime

/// What a listener hears an interpreter through.
protocol ListeningFront: KernelFront {
    /// Says that events before a number cannot be told any more.
    func tell(dropped count: UInt64, before sequence: UInt64)
}

/// Somebody who is told a hosted kernel's events, of one interpreter after the other. On the kernel's thread.
///
/// One that is behind when an interpreter ends hears the rest of it before it goes on. It may fall behind by one more
/// interpreter meanwhile, and learns how much it misses of those in between.
final class Listener<Front: ListeningFront> {
    /// What it hears the interpreter through that it is at.
    private(set) var front: Front
    private let make: (_ session: String, _ base: UInt64) -> Front
    private let holdsUp: Bool
    private let whenDone: (() -> Void)?
    /// The interpreter that there is now; nil when it is to hear no further one.
    private weak var server: KernelServer?
    private var base: UInt64
    private var follower: Follower?
    /// What it hears at the moment, when that has ended.
    private var ended: EndedEvents?
    /// What comes after that and has ended as well.
    private var waiting: PastEvents?
    /// How many events there were between the two.
    private var skipped: UInt64 = 0

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - base: added to the numbers of the server's journal.
    ///   - past: what the interpreter before has said.
    ///   - sequence: the last event that it knows; nil for what comes from now on.
    ///   - isLive: whether it also wants what comes from now on. The interpreter waits for such a one that falls behind.
    ///   - whenDone: called when it has heard all that it is to hear.
    ///   - make: makes what it hears an interpreter through, of its session and with the number before its first event.
    init(
        to server: KernelServer, base: UInt64, past: PastEvents?, after sequence: UInt64?, isLive: Bool = true,
        whenDone: (() -> Void)? = nil, _ make: @escaping (_ session: String, _ base: UInt64) -> Front
    ) {
        self.make = make
        self.holdsUp = isLive
        self.whenDone = whenDone
        self.server = server
        self.base = base
        front = make(server.session, base)
        guard let sequence, sequence < base else {
            hear(server, after: sequence.map { $0 - base })
            return
        }
        if let past {
            hear(past, after: sequence)
        } else {
            front.tell(dropped: base - sequence, before: base)
            hear(server, after: 0)
        }
    }

    /// Goes on with the next interpreter, once it has heard what the one before it has said.
    ///
    /// - Parameter server: nil when it is to hear no further one.
    func move(to server: KernelServer?, base: UInt64, past: PastEvents?) {
        guard let old = self.server else { return }
        self.server = server
        self.base = base
        if ended != nil {
            skipped += waiting?.events.lastSequence ?? 0
            waiting = past
            return
        }
        if let follower { old.forget(follower) }
        guard let past, let follower, !follower.isDone else { return goOn() }
        ended = past.events
        past.events.goOn(with: follower) { [weak self] in self?.goOn() }
    }

    /// Is told no more.
    func stop() {
        guard let follower else { return }
        ended?.forget(follower)
        server?.forget(follower)
        (self.follower, ended, waiting) = (nil, nil, nil)
    }

    private func goOn() {
        ended = nil
        if let past = waiting {
            waiting = nil
            hear(past, after: past.base - skipped)
            skipped = 0
        } else if let server {
            front = make(server.session, base)
            hear(server, after: 0)
        } else {
            whenDone?()
        }
    }

    private func hear(_ past: PastEvents, after sequence: UInt64) {
        front = make(past.events.session, past.base)
        if sequence < past.base { front.tell(dropped: past.base - sequence, before: past.base) }
        ended = past.events
        follower = past.events.follow(after: max(sequence, past.base) - past.base, through: front) { [weak self] in
            self?.goOn()
        }
    }

    private func hear(_ server: KernelServer, after sequence: UInt64?) {
        let follower = server.follow(after: sequence, through: front, holdsUp: holdsUp)
        if !holdsUp, let whenDone { follower.onceTold(upTo: server.lastSequence, whenDone) }
        self.follower = follower
    }
}
