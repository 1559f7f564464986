import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebServing

/// Requests of a client, whole and damaged: whatever comes, and in whatever pieces, each that is one is heard once and
/// answered once, and what is none is refused and is the end.
@Suite struct RequestFuzzTests {
    private static let rounds = 4000

    /// A request that has come as a whole.
    private struct Heard: Equatable {
        var head: HTTPRequestHead
        var body: [UInt8] = []
    }

    /// Takes nothing once it is closed, or half closed, as a socket does; an embedded channel would.
    private final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var isClosed = false

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard !isClosed else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            context.write(data, promise: promise)
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            isClosed = true
            guard mode != .output else {
                promise?.succeed()
                return
            }
            context.close(mode: mode, promise: promise)
        }
    }

    /// Answers each request with 200, and what is none with 400.
    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        var heard: [Heard] = []
        private var current: Heard?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch Listener.unwrapInboundIn(data) {
            case .head(let head): current = Heard(head: head)
            case .body(let bytes): current?.body += Array(buffer: bytes)
            case .end:
                if let current { heard.append(current) }
                current = nil
                answer(context, .ok, ["Content-Length": "0"])
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            answer(context, .badRequest, ["Content-Length": "0", "Connection": "close"])
            context.close(promise: nil)
        }

        private func answer(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ headers: HTTPHeaders) {
            let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(Listener.wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(Listener.wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Gives bytes to a connection as a server has it, in pieces. Returns what was heard and answered.
    private static func listen(to pieces: [[UInt8]]) throws -> (heard: [Heard], answers: String, isOpen: Bool) {
        let channel = EmbeddedChannel()
        let listener = Listener()
        let watch = ArrivalWatch()
        let rules = RequestRules(watch: watch)
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        try channel.pipeline.syncOperations.addHandlers([
            Wire(), watch, encoder, decoder, rules, UpgradeGate(rules: rules, encoder: encoder, decoder: decoder),
            listener,
        ])
        try channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        for piece in pieces where channel.isActive {
            channel.read()
            _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
        }
        channel.embeddedEventLoop.run()
        var answers = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { answers += String(buffer: bytes) }
        let isOpen = channel.isActive
        // Nothing may be left that keeps the connection from being let go.
        _ = try? channel.finish()
        return (listener.heard, answers, isOpen)
    }

    private static func cut(_ bytes: [UInt8], _ mutator: inout Mutator) -> [[UInt8]] {
        var rest = bytes[...]
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 60)), using: &mutator)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test("Requests") func requests() throws {
        let corpus = try Corpus.inputs("http-request")
        var mutator = Mutator(seed: 11)
        var (accepted, refused) = (0, 0)
        for round in -corpus.count..<RequestFuzzTests.rounds {
            let input = corpus[(round + corpus.count) % corpus.count]
            let bytes = round < 0 ? input : mutator.damage(input, others: corpus)
            let text = String(decoding: bytes, as: UTF8.self).debugDescription
            let whole = try RequestFuzzTests.listen(to: [bytes])
            let pieces = try RequestFuzzTests.listen(to: RequestFuzzTests.cut(bytes, &mutator))
            #expect(whole.heard == pieces.heard, "\(text)")
            #expect(whole.answers == pieces.answers, "\(text)")
            #expect(whole.isOpen == pieces.isOpen, "\(text)")
            for request in whole.heard { RequestFuzzTests.check(request.head, text) }
            let answers = whole.answers.split(separator: "\r\n\r\n").map(String.init)
            #expect(answers.count { $0.hasPrefix("HTTP/1.1 200") } == whole.heard.count, "\(text)")
            // One refusal at most, as the last thing.
            let refusals = answers.enumerated().filter { $0.element.hasPrefix("HTTP/1.1 400") }
            #expect(refusals.allSatisfy { $0.offset == answers.count - 1 }, "\(text)")
            let ends = answers.enumerated().filter { $0.element.lowercased().contains("connection: close") }
            #expect(ends.allSatisfy { $0.offset == answers.count - 1 }, "\(text)")
            #expect(refusals.isEmpty || !whole.isOpen, "\(text)")
            accepted += whole.heard.count
            refused += refusals.count
        }
        #expect(accepted > 500 && refused > 500)
    }

    /// A request that another server could understand as two, or as one for another host, is none.
    private static func check(_ head: HTTPRequestHead, _ text: String) {
        let isOld = head.version == .http1_0 || head.version == .http0_9
        #expect(head.headers["host"].count == 1 || (isOld && head.headers["host"].isEmpty), "\(text)")
        #expect(head.headers["content-length"].count <= 1, "\(text)")
        let codings = head.headers["transfer-encoding"]
        #expect(codings.isEmpty || head.headers["content-length"].isEmpty, "\(text)")
        #expect(codings.isEmpty || codings.last?.lowercased().hasSuffix("chunked") == true, "\(text)")
        for (name, value) in head.headers {
            #expect(!name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x3a }, "\(text)")
            #expect(!value.utf8.contains { $0 == 0 || $0 == 0x0a || $0 == 0x0d }, "\(text)")
        }
    }
}
