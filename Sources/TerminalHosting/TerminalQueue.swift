public import BoundedQueue
public import WebSocketTerminal

/// What a terminal shows, on its way to one client. The terminal waits while it is full.
public typealias TerminalQueue = BoundedQueue<TerminalEvent>

extension TerminalQueue {
    /// An empty queue.
    convenience init() {
        self.init(Bounds(room: 1 << 20)) { event in
            if case .output(let text) = event { text.utf8.count } else { 0 }
        }
    }
}
