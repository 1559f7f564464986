import InterpreterChannel
import JupyterProtocol
import KeeperWire
import KernelWebSocket
import NotebookFormat
import Testing

/// Parsers of what a sandbox, a client or a file says: no input ends the process, and what is accepted means the same
/// when it is written and read again.
@Suite struct FuzzTests {
    private static let rounds = 4000

    /// Feeds a parser its corpus, whole and damaged.
    private func feed(_ parser: String, seed: UInt64, _ body: ([UInt8]) throws -> Void) throws {
        let corpus = try Corpus.inputs(parser)
        try #require(!corpus.isEmpty)
        for input in corpus { try body(input) }
        var mutator = Mutator(seed: seed)
        for round in 0..<FuzzTests.rounds {
            try body(mutator.damage(corpus[round % corpus.count], others: corpus))
        }
    }

    @Test("JSON") func json() throws {
        var accepted = 0
        try feed("json", seed: 1) { bytes in
            guard let value = try? JSONValue(parsing: bytes) else { return }
            accepted += 1
            let again = try JSONValue(parsing: value.encoded()).encoded()
            #expect(again == value.encoded())
        }
        #expect(accepted > 100)
    }

    @Test("Connection files") func connection() throws {
        try feed("connection", seed: 2) { bytes in
            guard let connection = try? ConnectionFile(parsing: bytes) else { return }
            #expect(connection.ports.values.allSatisfy { (0...65_535).contains($0) || connection.transport == "ipc" })
        }
    }

    @Test("Notebooks") func notebook() throws {
        var accepted = 0
        try feed("notebook", seed: 3) { bytes in
            guard let notebook = try? Notebook(parsing: bytes) else { return }
            accepted += 1
            let written = notebook.encoded()
            let again = try Notebook(parsing: written).encoded()
            #expect(again == written)
        }
        #expect(accepted > 20)
    }

    @Test("Messages of an interpreter") func channelMessage() throws {
        try feed("channel-message", seed: 4) { bytes in
            guard let message = try? ChannelMessage(decoding: bytes) else { return }
            let again = try ChannelMessage(decoding: message.encoded)
            #expect(again == message)
        }
    }

    @Test("Frames that are put together") func assembly() throws {
        let corpus = try Corpus.inputs("channel-message")
        var mutator = Mutator(seed: 5)
        for _ in 0..<FuzzTests.rounds {
            var assembler = MessageAssembler()
            for number in 1...4 as ClosedRange<UInt64> {
                let kind = ChannelFrame.Kind(rawValue: UInt8.random(in: 1...3, using: &mutator)) ?? .message
                let frame = ChannelFrame(
                    kind: kind, hasMoreFragments: .random(using: &mutator), number: number,
                    request: .random(in: 0...2, using: &mutator),
                    payload: mutator.damage(corpus[Int(number) % corpus.count], others: corpus))
                guard (try? assembler.add(frame)) != nil else { break }
            }
        }
    }

    @Test("Messages of a client, unsigned and signed") func wireMessage() throws {
        let key = try #require(SigningKey(scheme: "hmac-sha256", key: "key"))
        let open = try #require(SigningKey(scheme: "hmac-sha256", key: ""))
        try feed("wire-message", seed: 6) { bytes in
            let frames = FuzzTests.frames(bytes)
            // Nobody without the key is heard.
            let heard = try? WireMessage(frames: frames, key: key)
            #expect(heard == nil)
            guard let message = try? WireMessage(frames: frames, key: open) else { return }
            #expect(!message.header.type.isEmpty)
        }
    }

    @Test("Requests to the keeper") func keeperRequest() throws {
        try feed("keeper-request", seed: 7) { bytes in
            guard let request = try? KeeperRequest(decoding: bytes) else { return }
            let again = try KeeperRequest(decoding: request.encoded)
            #expect(again == request)
            _ = try? KeeperReply(decoding: bytes)
            _ = try? HostMessage(decoding: bytes)
        }
    }

    @Test("Messages of a kernel's WebSocket", arguments: [KernelFraming.legacy, .version1])
    func kernelWebSocket(_ framing: KernelFraming) throws {
        var accepted = 0
        let parser = framing == .legacy ? "kernel-websocket-legacy" : "kernel-websocket-v1"
        try feed(parser, seed: 8) { bytes in
            var payloads = [WebSocketPayload.binary(bytes)]
            if framing == .legacy { payloads.append(.text(bytes)) }
            for payload in payloads {
                guard let message = try? framing.decode(payload) else { continue }
                accepted += 1
                #expect(message.message.buffers.reduce(0) { $0 + $1.count } < bytes.count)
                let again = try framing.decode(try framing.encode(message))
                #expect(again == message)
            }
        }
        #expect(accepted > 20)
    }

    @Test("The place in the journal in anybody's metadata") func metadata() throws {
        let header = MessageHeader(id: "1", session: "", username: "", date: "", type: "t")
        try feed("metadata", seed: 9) { bytes in
            let message = KernelWebSocketMessage(
                channel: .shell,
                message: WireMessage(identities: [], header: header, metadata: bytes, content: Array("{}".utf8)))
            guard let payload = try? KernelFraming.version1.encode(message, sequence: 7),
                var before = try? JSONValue(parsing: bytes)
            else { return }
            let marked = try JSONValue(parsing: try KernelFraming.version1.decode(payload).message.metadata)
            #expect(marked["husk"]?["seq"] == 7)
            var rest = marked
            rest["husk"] = nil
            before["husk"] = nil
            #expect(rest == before)
        }
    }

    /// Frames that each stand behind their length.
    private static func frames(_ bytes: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            frames.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return frames
    }
}
