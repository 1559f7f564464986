import KernelRuntime

/// What a listener hears an interpreter through.
protocol ListeningFront: KernelFront {
    /// Says that events before a number cannot be told any more.
    func tell(dropped count: UInt64, before sequence: UInt64)
}

/// Somebody who is told a hosted kernel's events, of one interpreter after the other. On the kernel's thread.
final class Listener<Front: ListeningFront> {
    /// What it hears the interpreter through that it is at.
    private(set) var front: Front
    private let make: (_ session: String, _ base: UInt64) -> Front
    private let holdsUp: Bool
    private var leave: (() -> Void)?

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - base: added to the numbers of the server's journal.
    ///   - past: what the interpreter before has said.
    ///   - sequence: the last event that it knows; nil for what comes from now on.
    ///   - holdsUp: whether the interpreter waits for it when it falls behind.
    ///   - onceTold: called when it has been told what there is now.
    ///   - make: makes what it hears an interpreter through, of its session and with the number before its first event.
    init(
        to server: KernelServer, base: UInt64, past: PastEvents?, after sequence: UInt64?, holdsUp: Bool = true,
        onceTold: (() -> Void)? = nil, _ make: @escaping (_ session: String, _ base: UInt64) -> Front
    ) {
        self.make = make
        self.holdsUp = holdsUp
        front = make(server.session, base)
        guard let sequence, sequence < base else {
            follow(server, after: sequence.map { $0 - base }, onceTold)
            return
        }
        guard let past else {
            front.tell(dropped: base - sequence, before: base)
            follow(server, after: 0, onceTold)
            return
        }
        front = make(past.events.session, past.base)
        if sequence < past.base { front.tell(dropped: past.base - sequence, before: past.base) }
        let follower = past.events.follow(after: max(sequence, past.base) - past.base, through: front) {
            [weak self, weak server] in
            guard let self, let server else { return }
            front = self.make(server.session, base)
            follow(server, after: 0, onceTold)
        }
        leave = { past.events.forget(follower) }
    }

    /// Goes on with the next interpreter.
    func move(to server: KernelServer, base: UInt64) {
        leave?()
        front = make(server.session, base)
        follow(server, after: 0, nil)
    }

    /// Is told no more.
    func stop() {
        leave?()
        leave = nil
    }

    private func follow(_ server: KernelServer, after sequence: UInt64?, _ onceTold: (() -> Void)?) {
        let follower = server.follow(after: sequence, through: front, holdsUp: holdsUp)
        if let onceTold { follower.onceTold(upTo: server.lastSequence, onceTold) }
        leave = { [weak server] in server?.forget(follower) }
    }
}
