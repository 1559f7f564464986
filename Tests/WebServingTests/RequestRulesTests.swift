import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebServing

/// What becomes of requests before anybody answers them.
@Suite struct RequestRulesTests {
    private let channel: EmbeddedChannel

    init() throws {
        channel = EmbeddedChannel()
        let watch = ArrivalWatch()
        try channel.pipeline.syncOperations.addHandlers([
            watch, HTTPResponseEncoder(), ByteToMessageHandler(HTTPRequestDecoder()), RequestRules(watch: watch),
        ])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.read()
    }

    private func say(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        channel.read()
    }

    private func answer(_ status: HTTPResponseStatus, _ headers: HTTPHeaders = [:]) throws {
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        channel.embeddedEventLoop.run()
    }

    private func heard() throws -> String {
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        return text
    }

    @Test(arguments: ["", "Host: a\r\nHost: a\r\n"])
    func requestsWithoutAHostAreNone(_ lines: String) {
        #expect(throws: HTTPParserError.self) { try say("GET / HTTP/1.1\r\n\(lines)\r\n") }
    }

    @Test func oldRequestsNeedNoHostAndAreTheLast() throws {
        try say("GET / HTTP/1.0\r\n\r\n")
        try answer(.ok, ["Content-Length": "0"])
        #expect(try heard().contains("Connection: close"))
        #expect(!channel.isActive)
    }

    @Test func whoWaitsIsToldOnce() throws {
        try say("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try heard() == "")
        for _ in 0..<2 { channel.triggerUserOutboundEvent(BodyWanted(), promise: nil) }
        #expect(try heard() == "HTTP/1.1 100 Continue\r\n\r\n")
        try say("{}")
        try answer(.noContent)
        #expect(try !heard().contains("close"))
        #expect(channel.isActive)
    }

    @Test func whoIsRefusedBeforeIsNotAsked() throws {
        try say("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        try answer(.forbidden, ["Content-Length": "0"])
        channel.triggerUserOutboundEvent(BodyWanted(), promise: nil)
        let text = try heard()
        #expect(text.hasPrefix("HTTP/1.1 403"))
        #expect(text.contains("Connection: close") && !text.contains("100 Continue"))
    }

    @Test func aHeadHasHalfAMinute() throws {
        try say("GET / HTTP/1.1\r\nX: ")
        for _ in 0..<29 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            try say("x")
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(try heard().hasPrefix("HTTP/1.1 408"))
        #expect(!channel.isActive)
    }

    @Test func aBodyHasAMinuteFromEachByte() throws {
        try say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        for _ in 0..<3 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(59))
            try say("x")
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(61))
        #expect(try heard().hasPrefix("HTTP/1.1 408"))
        #expect(!channel.isActive)
    }

    @Test func whoHasSaidAllHasTime() throws {
        try say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        try say("GET / HT")
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        // The first one is still being answered.
        #expect(channel.isActive)
        try answer(.ok, ["Content-Length": "0"])
        channel.embeddedEventLoop.advanceTime(by: .seconds(61))
        #expect(!channel.isActive)
    }
}
