import JupyterProtocol
import Testing

@Suite("Messages on the wire")
struct WireMessageTests {
    /// Made by jupyter_client's Session with the key "k".
    static let frames: [[UInt8]] = [
        Array("id".utf8), Array("<IDS|MSG>".utf8),
        Array("f1dd0f0d0cd1ba1b1a0a1c7ba1b0ac2a8d2b6fa1".utf8),
        Array(#"{"msg_id":"1","msg_type":"execute_request"}"#.utf8), Array("{}".utf8), Array("{}".utf8),
        Array(#"{"code":"1"}"#.utf8),
    ]

    func key(_ text: String = "k") throws -> SigningKey {
        try #require(SigningKey(scheme: "hmac-sha256", key: text))
    }

    @Test("What is signed comes back, with its buffers and its sender")
    func roundTrip() throws {
        let header = MessageHeader(id: "a", session: "s", username: "u", date: "d", type: "status")
        let message = WireMessage(
            identities: [[1, 2]], header: header, content: Array(#"{"x":1}"#.utf8), buffers: [[9], []])
        let back = try WireMessage(frames: message.frames(signedWith: try key()), key: try key())
        #expect(back.identities == [[1, 2]])
        #expect(back.header == header)
        #expect(back.content == message.content)
        #expect(back.buffers == [[9], []])
    }

    @Test("A known signature of RFC 4231, test case 2")
    func knownSignature() throws {
        let signature = try key("Jefe").signature(of: [Array("what do ya want ".utf8), Array("for nothing?".utf8)])
        #expect(
            String(decoding: signature, as: UTF8.self)
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("A forged signature is refused before anything is parsed")
    func forged() throws {
        #expect(throws: WireMessageError.badSignature) { try WireMessage(frames: Self.frames, key: try self.key()) }
    }

    @Test("Malformed messages are named", arguments: [0, 1, 3, 5])
    func tooFew(_ count: Int) throws {
        let error: WireMessageError = count < 2 ? .noDelimiter : .tooFewFrames(count - 2)
        #expect(throws: error) { try WireMessage(frames: Array(Self.frames.prefix(count)), key: try self.key()) }
    }

    @Test("Unsigned messages with bad JSON are named")
    func badJSON() throws {
        let open = try key("")
        var frames = Self.frames
        frames[6] = Array("[]".utf8)
        #expect(throws: WireMessageError.notAnObject(part: "content")) { try WireMessage(frames: frames, key: open) }
        frames[6] = [0xff]
        #expect(throws: WireMessageError.self) { try WireMessage(frames: frames, key: open) }
    }

    @Test("A signature counts once")
    func replays() {
        var guardian = ReplayGuard(capacity: 2)
        let answers = [[UInt8(1)], [1], [2], [3], [2], [4], [5]].map { guardian.isNew($0) }
        #expect(answers == [true, false, true, true, false, true, true])
    }

    @Test("Whatever bytes come, nothing traps")
    func fuzz() throws {
        var generator = SeededGenerator(seed: 7)
        let open = try key("")
        for _ in 0..<3000 {
            var frames = Self.frames
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<frames.count, using: &generator)
                if frames[index].isEmpty { continue }
                let byte = Int.random(in: 0..<frames[index].count, using: &generator)
                frames[index][byte] = UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? WireMessage(frames: frames, key: open)
        }
    }
}

/// A generator whose numbers are the same on every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
