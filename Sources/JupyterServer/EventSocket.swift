import AccessRules
import BoundedQueue
import Glibc
import HTTPTypes
import ServerEvents
import WebServing

/// The server's events over one WebSocket, a text message each.
struct EventSocket: Sendable {
    /// How often a client is asked whether it is there.
    private static let looking: Duration = .seconds(30)
    /// How long a client may take to hear why it is let go.
    private static let ending: Duration = .seconds(5)
    /// "Try again later" (IANA, "WebSocket Close Code Number Registry"): a client that has not taken what it was sent.
    private static let tryAgain: UInt16 = 1013

    let subscription: EventSubscription

    /// Serves the client until it leaves, or is too slow.
    func serve(_ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ writer: WebSocketWriter) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // What it says means nothing; that it leaves does.
                do { for try await _ in messages {} } catch {}
            }
            group.addTask {
                while let events = await subscription.next() {
                    for bytes in events {
                        guard (try? await writer.send(text: bytes)) != nil else { return }
                    }
                }
                if !Task.isCancelled {
                    try? await writer.close(EventSocket.tryAgain, "Too many events were not taken.")
                }
            }
            group.addTask {
                while (try? await Task.sleep(for: EventSocket.looking)) != nil {
                    guard (try? await writer.ping([])) != nil else { return }
                }
            }
            group.addTask {
                // One that takes nothing does not hear the end either.
                await subscription.end()
                try? await Task.sleep(for: EventSocket.ending)
            }
            await group.next()
            group.cancelAll()
        }
    }
}

extension HTTPGateway {
    /// What becomes of a request for the server's events.
    func openEvents(_ head: HTTPRequest, query: [String: String]) -> WebSocketAnswer {
        let access = AccessRequest(head, target: .webSocket, query: query)
        guard case .allowed = rules.decide(access, now: Int64(time(nil))).outcome else { return .decline }
        // From now on, and not from when the client has heard that it is open.
        let socket = EventSocket(subscription: handler.server.events.bus.subscribe())
        return .open(subprotocol: nil, headers: []) { messages, writer in await socket.serve(messages, writer) }
    }
}
