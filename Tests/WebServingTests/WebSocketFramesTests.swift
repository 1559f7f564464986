import NIOCore
import NIOWebSocket
import Testing

@testable import WebServing

/// What follows from frames (RFC 6455).
@Suite struct WebSocketFramesTests {
    private static func action(_ opcode: WebSocketOpcode, _ bytes: [UInt8]) throws -> WebSocketFrames.Action {
        try WebSocketFrames.action(for: WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(bytes: bytes)))
    }

    @Test func messages() throws {
        #expect(try Self.action(.text, Array("é".utf8)) == .deliver(.text(Array("é".utf8))))
        #expect(try Self.action(.binary, [0xff]) == .deliver(.binary([0xff])))
        #expect(try Self.action(.ping, [1, 2]) == .pong([1, 2]))
    }

    @Test(arguments: [[0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff]] as [[UInt8]])
    func textThatIsNone(_ bytes: [UInt8]) {
        #expect(throws: WebSocketViolation.notText) { try Self.action(.text, bytes) }
    }

    @Test(arguments: [1000, 1001, 1003, 1007, 1011, 3000, 4999] as [UInt16])
    func codesThatAreAnswered(_ code: UInt16) throws {
        #expect(try Self.action(.connectionClose, [UInt8(code >> 8), UInt8(code & 255)]) == .close(code))
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000] as [UInt16])
    func codesThatAreNone(_ code: UInt16) {
        #expect(throws: WebSocketViolation.protocolError) {
            try Self.action(.connectionClose, [UInt8(code >> 8), UInt8(code & 255)])
        }
    }

    @Test func closeWithoutCode() throws {
        #expect(try Self.action(.connectionClose, []) == .close(nil))
        #expect(throws: WebSocketViolation.protocolError) { try Self.action(.connectionClose, [3]) }
        #expect(throws: WebSocketViolation.notText) { try Self.action(.connectionClose, [3, 0xe8, 0xff]) }
    }
}
