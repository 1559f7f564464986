import Synchronization

/// The handler that a request has been given, between the answer to it and the opening of its WebSocket.
final class ChosenHandler: Sendable {
    private let value = Mutex<WebSocketHandler?>(nil)

    var handler: WebSocketHandler? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
