import Synchronization
public import WebSocketTerminal

/// What a terminal shows, on its way to one client.
public final class TerminalQueue: Sendable {
    /// Bytes beyond which the terminal waits.
    private static let capacity = 1 << 20

    private struct State {
        var events: [TerminalEvent] = []
        var size = 0
        var isFinished = false
        var isLost = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Whether the terminal should wait until something has been taken.
    var isFull: Bool { state.withLock { $0.size >= TerminalQueue.capacity && !$0.isFinished } }

    /// Whether the client was sent away because it took nothing.
    public var isLost: Bool { state.withLock { $0.isLost } }

    /// Waits for events and takes all of them; nil at the end. For one reader.
    public func next() async -> [TerminalEvent]? {
        while true {
            let taken: [TerminalEvent]? = state.withLock { state in
                guard !state.events.isEmpty else { return state.isFinished ? nil : [] }
                defer {
                    state.events = []
                    state.size = 0
                }
                return state.events
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

    func push(_ event: TerminalEvent) {
        let waiter = state.withLock { state in
            if !state.isFinished {
                state.events.append(event)
                if case .output(let text) = event { state.size += text.utf8.count }
            }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Says that nothing more comes.
    func finish(isLost: Bool = false) {
        let waiter = state.withLock { state in
            state.isFinished = true
            if isLost {
                state.isLost = true
                state.events = []
            }
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
