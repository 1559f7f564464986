import BoundedQueue
import JupyterProtocol
import KernelHosting
import KernelWebSocket
import Synchronization
import WebServing

/// The channels of a kernel over one WebSocket.
struct KernelSocket: Sendable {
    /// How soon a client is asked what it has, after it has been sent something.
    private static let asking: Duration = .seconds(1)
    /// How often a client is asked whether it is there.
    private static let looking: Duration = .seconds(30)

    let kernel: HostedKernel
    /// The client's name: one that comes back under it goes on where it was.
    let client: String
    let framing: KernelFraming
    /// The last event that the client says it knows.
    let since: UInt64?

    /// How long a client may take to hear the last of a kernel that has ended.
    private static let ending: Duration = .seconds(5)

    /// What has been sent, for the pings.
    private final class Progress: Sendable {
        private struct State {
            var sent: UInt64 = 0
            var asked: UInt64?
        }

        private let state = Mutex(State())

        var sent: UInt64 {
            get { state.withLock { $0.sent } }
            set { state.withLock { $0.sent = max($0.sent, newValue) } }
        }

        func ask(_ sequence: UInt64) { state.withLock { $0.asked = sequence } }

        /// Whether a number is the answer to the last question. Others are late, or made up: each would be written down.
        func isAnswer(_ sequence: UInt64) -> Bool {
            state.withLock { state in
                guard state.asked == sequence else { return false }
                state.asked = nil
                return true
            }
        }
    }

    /// Serves the client until it leaves or the kernel ends.
    func serve(_ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ writer: WebSocketWriter) async {
        let queue = await kernel.attach(client, after: since)
        let progress = Progress()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await receive(messages, writer, progress) }
            group.addTask { await send(queue, writer, progress) }
            group.addTask { await ask(writer, progress) }
            group.addTask {
                // One that takes nothing does not hear the end of the queue.
                await queue.end()
                try? await Task.sleep(for: KernelSocket.ending)
            }
            await group.next()
            group.cancelAll()
        }
        await kernel.detach(client, queue: queue)
    }

    private func receive(
        _ messages: AsyncThrowingStream<WebSocketMessage, any Error>, _ writer: WebSocketWriter, _ progress: Progress
    ) async {
        do {
            for try await message in messages {
                let payload: WebSocketPayload
                switch message {
                case .text(let bytes): payload = .text(bytes)
                case .binary(let bytes): payload = .binary(bytes)
                case .pong(let bytes):
                    if let sequence = UInt64(String(decoding: bytes, as: UTF8.self)), progress.isAnswer(sequence) {
                        await kernel.note(client, has: sequence)
                    }
                    continue
                }
                do throws(KernelWebSocketError) {
                    let received = try framing.decode(payload)
                    await kernel.submit(received.message, over: KernelSocket.channel(received.channel), from: client)
                } catch {
                    // A message that is none is dropped; a connection that speaks another language is closed.
                    guard let code = error.closeCode else { continue }
                    return try await writer.close(code, "\(error)")
                }
            }
        } catch {
            // The connection broke.
        }
    }

    private func send(_ queue: EventQueue, _ writer: WebSocketWriter, _ progress: Progress) async {
        while let events = await queue.next() {
            for event in events {
                do {
                    let message = KernelWebSocketMessage(
                        channel: KernelSocket.channel(event.channel), message: event.message)
                    let sequence = event.sequence > 0 ? event.sequence : nil
                    switch try framing.encode(message, sequence: sequence) {
                    case .text(let bytes): try await writer.send(text: bytes)
                    case .binary(let bytes): try await writer.send(binary: bytes)
                    }
                    progress.sent = event.sequence
                } catch is KernelWebSocketError {
                    // It cannot be framed; the journal has it.
                    continue
                } catch {
                    return
                }
            }
        }
    }

    /// Asks the client what it has: a pong carries the number that its ping carried, and comes behind everything before.
    private func ask(_ writer: WebSocketWriter, _ progress: Progress) async {
        var asked: UInt64 = 0
        var quiet: Duration = .zero
        while (try? await Task.sleep(for: KernelSocket.asking)) != nil {
            quiet += KernelSocket.asking
            let sent = progress.sent
            guard sent > asked || quiet >= KernelSocket.looking else { continue }
            (asked, quiet) = (sent, .zero)
            if sent > 0 { progress.ask(sent) }
            guard (try? await writer.ping(sent > 0 ? Array("\(sent)".utf8) : [])) != nil else { return }
        }
    }

    private static func channel(_ channel: KernelChannel) -> KernelEvent.Channel {
        switch channel {
        case .shell: .shell
        case .control: .control
        case .iopub: .iopub
        case .stdin: .stdin
        }
    }

    private static func channel(_ channel: KernelEvent.Channel) -> KernelChannel {
        switch channel {
        case .shell: .shell
        case .control: .control
        case .iopub: .iopub
        case .stdin: .stdin
        }
    }
}
