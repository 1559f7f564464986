import DequeModule
import Synchronization

/// Events on their way to one subscriber. It holds few: whoever does not take them is let go.
public final class EventSubscription: Sendable {
    /// Bytes that wait at most.
    static let capacity = 1 << 20
    /// What an event costs beside its bytes.
    private static let overhead = 64

    private struct State {
        var waiting: Deque<[UInt8]> = []
        var size = 0
        var isFinished = false
        var reader: CheckedContinuation<Void, Never>?
        /// Who waits for the end only.
        var ender: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    init() {}

    /// Waits for the text of the next event; nil at the end. For one reader.
    public func next() async -> [UInt8]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.waiting.isEmpty || state.isFinished { return true }
                    state.reader = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
        return state.withLock { state in
            let bytes = state.waiting.popFirst()
            if let bytes { state.size -= bytes.count + EventSubscription.overhead }
            return bytes
        }
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

    /// Puts an event in. Returns whether there was room; without, nothing more comes.
    func put(_ bytes: [UInt8]) -> Bool {
        let (isIn, reader) = state.withLock { state in
            guard !state.isFinished, state.size + bytes.count <= EventSubscription.capacity else {
                return (false, nil as CheckedContinuation<Void, Never>?)
            }
            state.waiting.append(bytes)
            state.size += bytes.count + EventSubscription.overhead
            return (true, state.reader.take())
        }
        reader?.resume()
        if !isIn { finish() }
        return isIn
    }

    /// Says that nothing more comes.
    func finish() {
        let (reader, ender) = state.withLock { state in
            state.isFinished = true
            return (state.reader.take(), state.ender.take())
        }
        reader?.resume()
        ender?.resume()
    }
}
