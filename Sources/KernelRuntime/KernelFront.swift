/// A kernel's side towards its clients: sockets, or a client in the same process.
///
/// Called on the kernel's thread.
public protocol KernelFront: AnyObject {
    /// Broadcasts an event. False: a subscriber has no room now; offer the same message again later.
    func publish(_ message: OutgoingMessage) -> Bool

    /// Answers a request.
    func reply(_ message: OutgoingMessage, to request: ClientRequest)

    /// Asks the sender of a request for a line of input.
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest)

    /// Takes in what clients have sent. Returns whether there was anything.
    func receive() -> Bool
}

extension KernelFront {
    /// Nothing comes in by itself: clients call the kernel.
    public func receive() -> Bool { false }
}
