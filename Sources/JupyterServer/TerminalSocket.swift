import BoundedQueue
import TerminalHosting
import WebServing
import WebSocketTerminal

/// A terminal over one WebSocket (terminado, "Websocket protocol").
struct TerminalSocket: Sendable {
    /// RFC 6455, section 7.4.1 and the registry: try again later.
    private static let tryAgain: UInt16 = 1013

    let terminal: HostedTerminal

    /// Serves the client until it leaves or the terminal ends.
    func serve(_ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ writer: WebSocketWriter) async {
        let queue = await terminal.attach()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await receive(messages, queue) }
            group.addTask { await send(queue, writer) }
            await group.next()
            group.cancelAll()
        }
        await terminal.detach(queue)
    }

    private func receive(
        _ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ queue: TerminalQueue
    ) async {
        do {
            for try await message in messages {
                // What is no request means nothing, as to terminado.
                guard case .text(let bytes) = message, let request = try? TerminalRequest(parsing: bytes) else {
                    continue
                }
                await terminal.take(request, from: queue)
            }
        } catch {
            // The connection broke.
        }
    }

    private func send(_ queue: TerminalQueue, _ writer: WebSocketWriter) async {
        while let events = await queue.next() {
            await terminal.goOn()
            for event in events where (try? await writer.send(text: event.encoded)) == nil { return }
        }
        if queue.isLost {
            try? await writer.close(TerminalSocket.tryAgain, "The terminal has more to show than this client takes.")
        }
    }
}
