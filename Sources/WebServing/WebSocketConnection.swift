import Logging
import NIOCore
import NIOWebSocket

/// A WebSocket that has been opened (RFC 6455): messages in, answers to pings and closes, the right code for whoever
/// breaks the rules.
struct WebSocketConnection: Sendable {
    /// Bytes in one message of a client.
    static let maximumMessage = 64 << 20

    /// How long a client may take to answer a close.
    static let closing: Duration = .seconds(5)

    let channel: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    let handler: WebSocketHandler

    /// Serves the client until either side has closed.
    func run() async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                let writer = WebSocketWriter(outbound: outbound)
                let (messages, continuation) = AsyncThrowingStream<WebSocketMessage, any Error>.makeStream(
                    bufferingPolicy: .unbounded)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await read(inbound, writer, continuation)
                        continuation.finish()
                    }
                    group.addTask {
                        // The handler's end is the connection's: the client is told so.
                        await handler(messages, writer)
                        continuation.finish()
                        try? await writer.close(1001)
                    }
                    await group.next()
                    // Whichever ended first, the other has a while to notice.
                    group.addTask { try? await Task.sleep(for: WebSocketConnection.closing) }
                    await group.next()
                    group.cancelAll()
                }
            }
        } catch {
            // The connection broke, which is one way for a client to leave.
        }
    }

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>, _ writer: WebSocketWriter,
        _ continuation: AsyncThrowingStream<WebSocketMessage, any Error>.Continuation
    ) async {
        do {
            for try await frame in inbound {
                switch try WebSocketFrames.action(for: frame) {
                case .deliver(let message): continuation.yield(message)
                case .pong(let bytes): try await writer.pong(bytes)
                case .close(let code):
                    if let code { try await writer.close(code) } else { try await writer.closeWithoutCode() }
                    return
                }
            }
        } catch {
            guard let violation = WebSocketConnection.violation(error) else { return }
            try? await writer.close(violation.closeCode)
        }
    }

    private static func violation(_ error: any Error) -> WebSocketViolation? {
        switch error {
        case let violation as WebSocketViolation: violation
        case NIOWebSocketError.invalidFrameLength: .tooLarge
        case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge: .tooLarge
        case is NIOWebSocketError, is NIOWebSocketFrameAggregator.Error: .protocolError
        default: nil
        }
    }
}
