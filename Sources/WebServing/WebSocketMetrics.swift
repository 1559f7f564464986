import Metrics

/// What goes over WebSockets, counted: messages and what they carry, without frames, pings and the like.
enum WebSocketMetrics {
    /// Which way a message goes.
    struct Direction: Sendable {
        private let messages: Counter
        private let bytes: Counter

        init(_ name: String) {
            messages = Counter(label: "husk_websocket_messages_total", dimensions: [("direction", name)])
            bytes = Counter(label: "husk_websocket_bytes_total", dimensions: [("direction", name)])
        }

        func count(_ size: Int) {
            messages.increment()
            bytes.increment(by: size)
        }
    }

    static let open = Meter(label: "husk_websockets_open")
    static let received = Direction("in")
    static let sent = Direction("out")
}
