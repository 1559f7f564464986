public import BoundedQueue

/// The texts of events on their way to one subscriber. It holds few: whoever does not take them is let go.
public typealias EventSubscription = BoundedQueue<[UInt8]>

extension EventSubscription {
    /// Bytes that wait at most.
    static var capacity: Int { 1 << 20 }
    /// What an event costs beside its bytes.
    private static var overhead: Int { 64 }

    /// An empty subscription.
    convenience init() { self.init(Bounds(room: EventSubscription.capacity)) { $0.count + EventSubscription.overhead } }

    /// Puts an event in. Returns whether there was room; without, nothing more comes.
    func put(_ bytes: [UInt8]) -> Bool {
        guard !isFinished else { return false }
        if offer(bytes) { return true }
        finish()
        return false
    }
}
