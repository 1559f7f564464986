import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import WebServing

/// Frames of a client, whole and damaged: whatever comes, and in whatever pieces, what follows is what the rules say.
@Suite struct WebSocketFuzzTests {
    private static let rounds = 4000
    /// Bytes in a frame and in a message; a server takes more.
    private static let limit = 4096

    /// What a connection has made of a client's bytes.
    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame

        var actions: [WebSocketFrames.Action] = []
        var error: (any Error)?
        private var isClosed = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard error == nil, !isClosed else { return }
            do throws(WebSocketViolation) {
                let action = try WebSocketFrames.action(for: Listener.unwrapInboundIn(data))
                actions.append(action)
                if case .close = action { isClosed = true }
            } catch {
                self.error = error
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if !isClosed { self.error = self.error ?? error }
        }
    }

    /// Gives bytes to a connection as a server has it, in pieces.
    private static func listen(to pieces: [[UInt8]]) throws -> (actions: [WebSocketFrames.Action], code: UInt16?) {
        let channel = EmbeddedChannel()
        let listener = Listener()
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limit)), FrameCheck(),
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1 << 17, maxAccumulatedFrameSize: limit),
            listener,
        ])
        for piece in pieces { _ = try? channel.writeInbound(ByteBuffer(bytes: piece)) }
        _ = try? channel.finish()
        return (listener.actions, listener.error.map { WebSocketConnection.violation($0)?.closeCode ?? 0 })
    }

    private static func cut(_ bytes: [UInt8], _ mutator: inout Mutator) -> [[UInt8]] {
        var rest = bytes[...]
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &mutator)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test("Frames") func frames() throws {
        let corpus = try Corpus.inputs("websocket")
        var mutator = Mutator(seed: 10)
        var ends: [UInt16: Int] = [:]
        for round in -corpus.count..<WebSocketFuzzTests.rounds {
            let input = corpus[(round + corpus.count) % corpus.count]
            let bytes = round < 0 ? input : mutator.damage(input, others: corpus)
            let expected = FrameOracle(bytes, limit: WebSocketFuzzTests.limit)
            for pieces in [[bytes], WebSocketFuzzTests.cut(bytes, &mutator)] {
                let found = try WebSocketFuzzTests.listen(to: pieces)
                #expect(found.actions == expected.actions, "\(bytes)")
                if let code = found.code {
                    #expect(expected.codes.contains(code), "\(code): \(bytes)")
                } else {
                    #expect(expected.codes.isEmpty || expected.mayWait, "\(expected.codes): \(bytes)")
                }
                ends[found.code ?? 0, default: 0] += 1
            }
        }
        // The damage reaches every way to an end.
        #expect([0, 1002, 1007, 1009].allSatisfy { ends[$0, default: 0] > 50 }, "\(ends)")
    }
}
