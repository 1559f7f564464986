/// What ends a WebSocket.
enum WebSocketEnd: Hashable, Sendable {
    /// The client has closed it, has broken a rule or has gone; with the close frame that it is answered by, if any.
    case client(WebSocketClose?)
    /// Whoever served the client has nothing more to say, or the server stops.
    case server
    /// What there was to say at the end has been said.
    case said
    /// There has been time enough to close it properly.
    case late
}
