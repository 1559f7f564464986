public import JupyterProtocol

/// What a client of a kernel is told.
public struct KernelEvent: Hashable, Sendable {
    /// The Jupyter channel that it comes over.
    public enum Channel: Hashable, Sendable { case shell, control, iopub, stdin }

    /// The channel.
    public let channel: Channel
    /// The message.
    public let message: WireMessage
    /// Its place among all that the kernel has said; 0 for what the server says of the kernel.
    public let sequence: UInt64

    /// How many records were dropped of which this event tells; 0 for one that tells something else.
    public var dropped: UInt64 = 0

    /// Bytes that it occupies, about.
    var size: Int {
        message.content.count + message.metadata.count + message.parentHeader.count
            + message.buffers.reduce(256) { $0 + $1.count }
    }
}
