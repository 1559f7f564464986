public import NIOCore

/// Somebody is about to read a request's body: a client that waits for that is told to send it.
public struct BodyWanted: Sendable {
    /// Says so to the client of a connection, about the request that is being answered.
    public static func tell(_ channel: any Channel) {
        channel.triggerUserOutboundEvent(BodyWanted(), promise: nil)
    }
}
