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
    /// The interpreter that there is now.
    private weak var server: KernelServer?
    /// Whether it is to hear no further one.
    private var isLast: Bool
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
    ///   - server: nil when the interpreter was lost with an earlier process.
    ///   - base: added to the numbers of the server's journal.
    ///   - past: what the interpreter before has said.
    ///   - sequence: the last event that it knows; nil for what comes from now on.
    ///   - isLive: whether it also wants what comes from now on. The interpreter waits for such a one that falls behind.
    ///   - isLast: whether it is to hear no further interpreter.
    ///   - whenDone: called when it has heard all that it is to hear.
    ///   - make: makes what it hears an interpreter through, of its session and with the number before its first event.
    init(
        to server: KernelServer?, base: UInt64, past: PastEvents?, after sequence: UInt64?, isLive: Bool = true,
        isLast: Bool = false, whenDone: (() -> Void)? = nil,
        _ make: @escaping (_ session: String, _ base: UInt64) -> Front
    ) {
        self.make = make
        self.holdsUp = isLive
        self.whenDone = whenDone
        self.server = server
        self.base = base
        self.isLast = isLast
        front = make(server?.session ?? past?.events.session ?? "", base)
        if let sequence, sequence < base, let past {
            hear(past, after: sequence)
        } else if let sequence, sequence < base {
            front.tell(dropped: base - sequence, before: base)
            hear(server, after: 0)
        } else {
            hear(server, after: sequence.map { $0 - base })
        }
    }

    /// Goes on with the next interpreter, once it has heard what the one before it has said.
    ///
    /// - Parameter server: nil when it is to hear no further one.
    func move(to server: KernelServer?, base: UInt64, past: PastEvents?) {
        guard !isLast else { return }
        let old = self.server
        self.server = server
        self.base = base
        isLast = server == nil
        if ended != nil {
            // One that was lost before is what it hears already.
            guard old != nil else { return }
            skipped += waiting?.events.lastSequence ?? 0
            waiting = past
            return
        }
        if let follower { old?.forget(follower) }
        guard let past, let follower, !follower.isDone, old != nil else { return goOn() }
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
        (ended, follower) = (nil, nil)
        if let past = waiting {
            waiting = nil
            hear(past, after: past.base - skipped)
            skipped = 0
        } else {
            if let server { front = make(server.session, base) }
            hear(server, after: 0)
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

    private func hear(_ server: KernelServer?, after sequence: UInt64?) {
        guard let server else {
            if isLast { whenDone?() }
            return
        }
        let follower = server.follow(after: sequence, through: front, holdsUp: holdsUp)
        if !holdsUp, let whenDone { follower.onceTold(upTo: server.lastSequence, whenDone) }
        self.follower = follower
    }
}
