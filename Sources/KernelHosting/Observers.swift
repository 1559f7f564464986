import KernelRuntime

/// Who watches a hosted kernel: readers of its events, and of those of one request. On the kernel's thread.
final class Observers {
    private struct Observer {
        let front: ObserverFront
        let follower: Follower
        let request: String?
        let isLive: Bool
    }

    private var present: [ObjectIdentifier: Observer] = [:]

    /// How many stay.
    var count: Int { present.values.count { $0.isLive } }

    /// Lets somebody watch.
    ///
    /// - Parameters:
    ///   - sequence: the last event that it knows.
    ///   - base: added to the numbers of the server's journal.
    ///   - request: the id of the only request that is watched, up to its end; nil for all.
    ///   - isLive: whether it also wants what comes from now on.
    func add(
        to server: KernelServer, base: UInt64, after sequence: UInt64, request: String?, isLive: Bool
    ) -> EventQueue {
        let queue = EventQueue()
        let front = ObserverFront(session: server.session, base: base, request: request, queue: queue)
        // The journals of earlier interpreters are gone.
        if sequence < base { front.tell(dropped: base - sequence, before: base) }
        let follower = server.follow(
            after: sequence > base ? sequence - base : 0, through: front, holdsUp: isLive)
        if !isLive { follower.onceTold(upTo: server.lastSequence) { queue.finish() } }
        present[ObjectIdentifier(queue)] = Observer(
            front: front, follower: follower, request: request, isLive: isLive)
        return queue
    }

    /// Lets somebody go.
    func forget(_ queue: EventQueue, of server: KernelServer?) {
        queue.finish()
        guard let gone = present.removeValue(forKey: ObjectIdentifier(queue)) else { return }
        server?.forget(gone.follower)
    }

    /// Goes on with the next interpreter, for those who watch more than what the last one has said.
    func move(to server: KernelServer, base: UInt64) {
        for (id, observer) in present {
            let queue = observer.front.queue
            guard observer.isLive, observer.request == nil else {
                queue.finish()
                continue
            }
            let front = ObserverFront(session: server.session, base: base, request: nil, queue: queue)
            present[id] = Observer(
                front: front, follower: server.follow(after: 0, through: front), request: nil, isLive: true)
        }
    }

    /// Says to all that nothing more comes.
    func finish() {
        for observer in present.values { observer.front.queue.finish() }
        present = [:]
    }
}
