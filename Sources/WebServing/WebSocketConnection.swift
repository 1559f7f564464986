import Logging
import Metrics
import NIOCore
import NIOWebSocket
import ServiceLifecycle

/// A WebSocket that has been opened (RFC 6455): messages in, answers to pings and closes, the right code for whoever
/// breaks the rules.
struct WebSocketConnection: Sendable {
    /// Bytes in one message of a client.
    static let maximumMessage = 64 << 20

    /// How long a client may take to answer a close.
    static let closing: Duration = .seconds(5)

    let channel: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    let handler: WebSocketHandler

    /// Serves the client until either side has closed, or the server stops.
    func run() async {
        WebSocketMetrics.open.increment()
        defer { WebSocketMetrics.open.decrement() }
        do {
            try await channel.executeThenClose { inbound, outbound in
                let writer = WebSocketWriter(outbound: outbound)
                let queue = MessageQueue()
                await withTaskGroup(of: WebSocketEnd.self) { group in
                    group.addTask { .client(await read(inbound, writer, queue)) }
                    group.addTask {
                        await handler(AsyncThrowingStream { await queue.next() }, writer)
                        queue.finish()
                        return .server
                    }
                    group.addTask {
                        try? await gracefulShutdown()
                        return .server
                    }
                    let first = await group.next()
                    // Not where the client's end is noticed: its answer must come before what the handler makes of it.
                    queue.finish()
                    // Either side has a while to hear of it: neither may read, or listen, any more.
                    group.addTask {
                        try? await Task.sleep(for: WebSocketConnection.closing)
                        return .late
                    }
                    let close: WebSocketClose? = if case .client(let answer) = first { answer } else { .goingAway }
                    group.addTask {
                        if let close { try? await writer.close(close) }
                        return .said
                    }
                    await WebSocketConnection.conclude(&group, after: first)
                    group.cancelAll()
                }
            }
        } catch {
            // The connection broke, which is one way for a client to leave.
        }
    }

    /// Waits until everything has been said and the other side has ended too, or it is late.
    private static func conclude(_ group: inout TaskGroup<WebSocketEnd>, after first: WebSocketEnd?) async {
        var hasSaid = false
        var hasServed = first == .server
        var hasClient = first != .server
        while !(hasSaid && hasServed && hasClient), let end = await group.next() {
            switch end {
            case .client: hasClient = true
            case .server: hasServed = true
            case .said: hasSaid = true
            case .late: return
            }
        }
    }

    /// Takes in what the client says, until it says no more. Returns how that is answered.
    private func read(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>, _ writer: WebSocketWriter, _ queue: MessageQueue
    ) async -> WebSocketClose? {
        do {
            for try await frame in inbound {
                switch try WebSocketFrames.action(for: frame) {
                case .deliver(let message):
                    if case .pong = message {} else { WebSocketMetrics.received.count(frame.data.readableBytes) }
                    await queue.put(message)
                case .pong(let bytes): try await writer.pong(bytes)
                case .close(let code): return WebSocketClose(code: code)
                }
            }
            return nil
        } catch {
            return WebSocketConnection.violation(error).map { WebSocketClose(code: $0.closeCode) }
        }
    }

    static func violation(_ error: any Error) -> WebSocketViolation? {
        switch error {
        case let violation as WebSocketViolation: violation
        case NIOWebSocketError.invalidFrameLength: .tooLarge
        case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge: .tooLarge
        case is NIOWebSocketError, is NIOWebSocketFrameAggregator.Error: .protocolError
        default: nil
        }
    }
}
