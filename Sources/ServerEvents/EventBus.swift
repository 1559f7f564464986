import Synchronization

/// Where a server's events go: to everybody who has subscribed. Nobody who says something waits for anybody.
public final class EventBus: Sendable {
    private struct Subscriber: Sendable {
        /// Nobody's once it is forgotten, also by a WebSocket that did not come to be opened.
        weak var subscription: EventSubscription?
    }

    private let subscribers = Mutex<[Subscriber]>([])

    /// A bus without subscribers.
    public init() {}

    /// Lets somebody hear all events from now on, as long as the subscription is held.
    public func subscribe() -> EventSubscription {
        let subscription = EventSubscription()
        subscribers.withLock { subscribers in
            subscribers.removeAll { $0.subscription == nil }
            subscribers.append(Subscriber(subscription: subscription))
        }
        return subscription
    }

    /// Tells an event to all.
    public func tell(_ event: ServerEvent) {
        let listening = subscribers.withLock { $0.compactMap(\.subscription) }
        guard !listening.isEmpty else { return }
        let bytes = event.bytes
        let slow = listening.filter { !$0.put(bytes) }
        guard !slow.isEmpty else { return }
        subscribers.withLock { subscribers in
            subscribers.removeAll { one in slow.contains { $0 === one.subscription } }
        }
    }
}
