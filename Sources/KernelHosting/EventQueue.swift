import DequeModule
import Synchronization

/// Events on their way from a kernel's thread to a client. It holds some megabytes; more waits in the kernel's journal.
public final class EventQueue: Sendable {
    /// Bytes beyond which there is no room for broadcasts. An answer has room when everything before it has.
    private static let capacity = 4 << 20
    /// Bytes of a client that asks and does not listen; it is sent away, and can come back for the rest.
    private static let limit = 64 << 20

    private struct State {
        var events: Deque<KernelEvent> = []
        var size = 0
        var isFinished = false
        var waiter: CheckedContinuation<Void, Never>?
        /// Who waits for the end only.
        var ender: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// An empty queue.
    init() {}

    /// A queue to which nothing comes.
    static func ended() -> EventQueue {
        let queue = EventQueue()
        queue.finish()
        return queue
    }

    /// Puts an event in if there is room. Returns whether there was.
    func offer(_ event: KernelEvent) -> Bool {
        add(event, mayRefuse: true)
    }

    /// Puts an event in.
    func push(_ event: KernelEvent) {
        _ = add(event, mayRefuse: false)
    }

    /// Says that nothing more comes.
    public func finish() {
        let (waiter, ender) = state.withLock { state in
            state.isFinished = true
            return (state.waiter.take(), state.ender.take())
        }
        waiter?.resume()
        ender?.resume()
    }

    /// Waits until nothing more comes, whatever has been taken. For one task; its cancellation is the end.
    public func end() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFinished = state.withLock { state in
                    if !state.isFinished { state.ender = continuation }
                    return state.isFinished
                }
                if isFinished { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
    }

    /// Waits for events and takes all of them; nil at the end. For one reader.
    public func next() async -> [KernelEvent]? {
        while true {
            let taken: [KernelEvent]? = state.withLock { state in
                guard !state.events.isEmpty else { return state.isFinished ? nil : [] }
                defer {
                    state.events.removeAll()
                    state.size = 0
                }
                return Array(state.events)
            }
            guard let taken else { return nil }
            if !taken.isEmpty { return taken }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        if !state.events.isEmpty || state.isFinished { return true }
                        state.waiter = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                finish()
            }
        }
    }

    private func add(_ event: KernelEvent, mayRefuse: Bool) -> Bool {
        let (isIn, isOver, waiter): (Bool, Bool, CheckedContinuation<Void, Never>?) = state.withLock { state in
            if state.isFinished { return (true, false, nil) }
            if mayRefuse, !state.events.isEmpty, state.size + event.size > EventQueue.capacity {
                return (false, false, nil)
            }
            if state.size > EventQueue.limit { return (true, true, nil) }
            state.events.append(event)
            state.size += event.size
            return (true, false, state.waiter.take())
        }
        if isOver { finish() }
        waiter?.resume()
        return isIn
    }
}
