/// A body that comes piece by piece.
struct AnswerStream: Sendable {
    /// Waits for the next piece; nil at the end.
    let next: @Sendable () async -> [UInt8]?
    /// Called once, when the client has everything or has left.
    let end: @Sendable () async -> Void
}
