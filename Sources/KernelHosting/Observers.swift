import BoundedQueue
import KernelRuntime

/// Who watches a hosted kernel: readers of its events, and of those of one request. On the kernel's thread.
final class Observers {
    private struct Observer {
        let listener: Listener<ObserverFront>
        let queue: EventQueue
        let request: String?
        let isLive: Bool
    }

    private var present: [ObjectIdentifier: Observer] = [:]

    /// Whether anybody watches a request as it is worked on.
    var watchRequests: Bool { present.values.contains { $0.isLive && $0.request != nil } }

    /// How many stay.
    var count: Int { present.values.count { $0.isLive } }

    /// Lets somebody watch.
    ///
    /// - Parameters:
    ///   - sequence: the last event that it knows.
    ///   - server: nil when the interpreter was lost with an earlier process.
    ///   - base: added to the numbers of the server's journal.
    ///   - past: what the interpreter before has said.
    ///   - request: the id of the only request that is watched, up to its end; nil for all.
    ///   - isLive: whether it also wants what comes from now on.
    func add(
        to server: KernelServer?, base: UInt64, past: PastEvents?, after sequence: UInt64, request: String?,
        isLive: Bool
    ) -> EventQueue {
        let queue = EventQueue()
        let listener = Listener(
            to: server, base: base, past: past, after: sequence, isLive: isLive,
            isLast: server == nil && (request != nil || !isLive), whenDone: { queue.finish() }
        ) { ObserverFront(session: $0, base: $1, request: request, queue: queue) }
        present[ObjectIdentifier(queue)] = Observer(
            listener: listener, queue: queue, request: request, isLive: isLive)
        return queue
    }

    /// Lets somebody go.
    func forget(_ queue: EventQueue) {
        queue.finish()
        present.removeValue(forKey: ObjectIdentifier(queue))?.listener.stop()
    }

    /// Goes on with the next interpreter, for those who watch more than what the last one has said.
    func move(to server: KernelServer, base: UInt64, past: PastEvents?) {
        for observer in present.values {
            let goesOn = observer.isLive && observer.request == nil
            observer.listener.move(to: goesOn ? server : nil, base: base, past: past)
        }
    }

    /// Says to all that nothing more comes.
    func finish() {
        for observer in present.values { observer.queue.finish() }
        present = [:]
    }
}
