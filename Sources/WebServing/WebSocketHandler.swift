/// What serves an open WebSocket. When it returns, the connection is closed; when the client leaves, the messages end.
public typealias WebSocketHandler =
    @Sendable (_ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ writer: WebSocketWriter) async -> Void

/// What becomes of a request to open a WebSocket.
public enum WebSocketAnswer: Sendable {
    /// It is opened with this subprotocol, if any, and these headers.
    case open(subprotocol: String?, headers: [(String, String)], WebSocketHandler)
    /// It is not: the request is answered as one for a page.
    case decline
}
