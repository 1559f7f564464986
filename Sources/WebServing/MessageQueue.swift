import DequeModule
import Synchronization

/// Messages between whoever reads them off a connection and whoever serves them, one of each. It holds few, so that a
/// client that is faster than its kernel waits.
final class MessageQueue: Sendable {
    /// Bytes beyond which there is no room; one message always has.
    private static let capacity = 1 << 20
    /// What a message costs beside its bytes.
    private static let overhead = 64

    private struct State {
        var messages: Deque<WebSocketMessage> = []
        var size = 0
        var isFinished = false
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?

        var hasRoom: Bool { size < MessageQueue.capacity || isFinished }
        var hasNews: Bool { !messages.isEmpty || isFinished }
    }

    private let state = Mutex(State())

    /// Puts a message in when there is room. One that nobody waits for any more is dropped.
    func put(_ message: WebSocketMessage) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.hasRoom { state.writer = continuation }
                    return state.hasRoom
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
        let reader = state.withLock { state in
            if !state.isFinished {
                state.messages.append(message)
                state.size += MessageQueue.size(message)
            }
            return state.reader.take()
        }
        reader?.resume()
    }

    /// Waits for a message; nil when no more comes.
    func next() async -> WebSocketMessage? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.hasNews { state.reader = continuation }
                    return state.hasNews
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
        let (message, writer) = state.withLock { state in
            let message = state.messages.popFirst()
            if let message { state.size -= MessageQueue.size(message) }
            return (message, state.hasRoom ? state.writer.take() : nil)
        }
        writer?.resume()
        return message
    }

    /// Says that nothing more comes. What there is can still be taken.
    func finish() {
        let (reader, writer) = state.withLock { state in
            state.isFinished = true
            return (state.reader.take(), state.writer.take())
        }
        reader?.resume()
        writer?.resume()
    }

    private static func size(_ message: WebSocketMessage) -> Int {
        switch message {
        case .text(let bytes), .binary(let bytes), .pong(let bytes): bytes.count + overhead
        }
    }
}
