public import BoundedQueue

/// Events on their way from a kernel's thread to a client. It holds some megabytes; more waits in the kernel's journal. A
/// client that asks and does not listen is sent away, and can come back for the rest.
public typealias EventQueue = BoundedQueue<KernelEvent>

extension EventQueue {
    /// An empty queue.
    convenience init() { self.init(Bounds(room: 4 << 20, limit: 64 << 20)) { $0.size } }

    /// A queue to which nothing comes.
    static func ended() -> EventQueue {
        let queue = EventQueue()
        queue.finish()
        return queue
    }
}
