import JupyterProtocol
import KernelWebSocket
import Testing

@Suite("Messages of a kernel's WebSocket")
struct KernelFramingTests {
    static let header = MessageHeader(id: "m-1", session: "s", username: "", date: "d", type: "comm_msg")

    func message(_ buffers: [[UInt8]] = [], metadata: String = "{}") -> KernelWebSocketMessage {
        KernelWebSocketMessage(
            channel: .control,
            message: WireMessage(
                identities: [], header: Self.header, metadata: Array(metadata.utf8),
                content: Array(#"{"a":[1, 2.50]}"#.utf8), buffers: buffers))
    }

    func decode(_ text: String) throws -> KernelWebSocketMessage {
        try KernelFraming.legacy.decode(.text(Array(text.utf8)))
    }

    @Test("What is written is read again, byte for byte", arguments: [KernelFraming.legacy, .version1])
    func roundTrip(_ framing: KernelFraming) throws {
        for buffers in [[], [[]], [[1, 2, 255], [], [9]]] as [[[UInt8]]] {
            let back = try framing.decode(try framing.encode(message(buffers)))
            #expect(back == message(buffers))
        }
    }

    @Test("Texts have what Jupyter Server adds")
    func text() throws {
        guard case .text(let bytes) = try KernelFraming.legacy.encode(message()) else {
            Issue.record("no text")
            return
        }
        let json = try JSONValue(parsing: bytes)
        #expect(json["msg_id"] == "m-1" && json["msg_type"] == "comm_msg" && json["channel"] == "control")
        #expect(json["buffers"] == [] && json["parent_header"] == [:])
        #expect(String(decoding: bytes, as: UTF8.self).contains("2.50"))
    }

    @Test("Jupyter Server's binary messages are understood, and written alike")
    func known() throws {
        let content = #"{"a":[1, 2.50]}"#
        let json =
            #"{"header":{"msg_id":"1","msg_type":"t"},"parent_header":{},"metadata":{},"content":\#(content),"channel":"shell"}"#
        let text = Array(json.utf8)
        let end = UInt8(12 + text.count)
        let legacy: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 12, 0, 0, 0, end] + text + [7, 8]
        let back = try KernelFraming.legacy.decode(.binary(legacy))
        #expect(back.message.buffers == [[7, 8]] && back.channel == .shell)

        // serialize_msg_to_ws_v1(["{}"-like parts], "shell")
        let header = Array(#"{"msg_id":"1","msg_type":"t"}"#.utf8)
        func number(_ value: Int) -> [UInt8] { [UInt8(value), 0, 0, 0, 0, 0, 0, 0] }
        var version1 = number(7) + number(64) + number(69)
        let offsets = [69 + header.count, 71 + header.count, 73 + header.count, 88 + header.count, 90 + header.count]
        for offset in offsets { version1 += number(offset) }
        version1 += Array("shell".utf8) + header + Array("{}{}".utf8) + Array(content.utf8) + [7, 8]
        let read = try KernelFraming.version1.decode(.binary(version1))
        #expect(read.message == back.message)
        #expect(try KernelFraming.version1.encode(read) == .binary(version1))
    }

    @Test("Clients may leave out nearly everything")
    func sloppy() throws {
        let least = try decode(#"{"header":{"msg_id":"1","msg_type":"execute_request"},"buffers":{}}"#)
        #expect(least.channel == .shell && least.message.header.session.isEmpty)
        #expect(least.message.parentHeader == Array("{}".utf8) && least.message.content == Array("{}".utf8))
        let nulls = try decode(
            #"{"header":{"msg_id":"1","msg_type":"x","username":""},"parent_header":null,"metadata":null,"channel":null}"#
        )
        #expect(nulls.channel == .shell && nulls.message.metadata == Array("{}".utf8))
    }

    @Test("What is no message is named")
    func refused() throws {
        let header = #""header":{"msg_id":"1","msg_type":"t"}"#
        #expect(throws: KernelWebSocketError.channel("x")) { try decode("{\(header),\"channel\":\"x\"}") }
        #expect(throws: KernelWebSocketError.channel("iopub")) { try decode("{\(header),\"channel\":\"iopub\"}") }
        #expect(throws: KernelWebSocketError.channel("7")) { try decode("{\(header),\"channel\":7}") }
        #expect(throws: KernelWebSocketError.buffersInText) { try decode("{\(header),\"buffers\":[\"AA==\"]}") }
        #expect(throws: KernelWebSocketError.message(.notAnObject(part: "content"))) {
            try decode("{\(header),\"content\":[]}")
        }
        #expect(throws: KernelWebSocketError.message(.headerField("msg_id"))) {
            try decode(#"{"header":{"msg_type":"t"}}"#)
        }
        #expect(throws: KernelWebSocketError.message(.notAnObject(part: "header"))) { try decode("{}") }
        #expect(throws: KernelWebSocketError.message(.notAnObject(part: "text"))) { try decode("[]") }
        #expect(throws: KernelWebSocketError.text) { try KernelFraming.version1.decode(.text(Array("{}".utf8))) }
        #expect(KernelWebSocketError.channel("x").closeCode == nil && KernelWebSocketError.offsets.closeCode == 1007)
    }

    @Test(
        "Tables that lie are refused",
        arguments: [
            [], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 7], [0, 0, 0, 1, 0, 0, 0, 9],
            [255, 255, 255, 255, 0, 0, 0, 8], [0, 0, 0, 2, 0, 0, 0, 14, 0, 0, 0, 13, 123, 125],
        ] as [[UInt8]])
    func lies(_ bytes: [UInt8]) {
        #expect(throws: KernelWebSocketError.self) { try KernelFraming.legacy.decode(.binary(bytes)) }
        #expect(throws: KernelWebSocketError.self) { try KernelFraming.version1.decode(.binary(bytes)) }
        let padded = bytes + [UInt8](repeating: 255, count: 80)
        #expect(throws: KernelWebSocketError.self) { try KernelFraming.version1.decode(.binary(padded)) }
    }

    @Test(
        "The place in the journal goes into the metadata, which else stays as it is",
        arguments: [
            ("{}", #"{"husk":{"seq":7}}"#), (" { } ", #" { "husk":{"seq":7}} "#),
            (#"{"a":1.0}"#, #"{"a":1.0,"husk":{"seq":7}}"#),
            (#"{"husk":{"usage":{}},"b":{}}"#, #"{"husk":{"usage":{},"seq":7},"b":{}}"#),
            (#"{"husk":{}}"#, #"{"husk":{"seq":7}}"#), (#"{"husk":1}"#, #"{"husk":1,"husk":{"seq":7}}"#),
            (#"{"husk":{"seq":1}}"#, #"{"husk":{"seq":1,"seq":7}}"#),
        ])
    func mark(_ before: String, _ after: String) throws {
        let payload = try KernelFraming.version1.encode(message(metadata: before), sequence: 7)
        let back = try KernelFraming.version1.decode(payload)
        #expect(String(decoding: back.message.metadata, as: UTF8.self) == after)
        #expect(try JSONValue(parsing: back.message.metadata)["husk"]?["seq"] == 7)
    }

    @Test("The subprotocol is the client's choice")
    func negotiation() {
        #expect(KernelFraming(offered: []).subprotocol == nil)
        #expect(KernelFraming(offered: ["x"]) == .legacy)
        #expect(KernelFraming(offered: ["x", KernelFraming.version1Name]).subprotocol == KernelFraming.version1Name)
    }
}
