import JupyterServerAPI
import Testing

@Suite("What clients have already, and which part they want")
struct ConditionTests {
    @Test(
        "Parts of ten bytes",
        arguments: [
            (nil, .whole), ("bytes=0-", .whole), ("bytes=0-9", .whole), ("bytes=-10", .whole), ("bytes=-", .whole),
            ("bytes=2-4", .part(2..<5)), ("bytes=9-", .part(9..<10)), ("bytes=-3", .part(7..<10)),
            ("bytes=3-99999999999999999999", .part(3..<10)), ("bytes=10-", .none), ("bytes=5-2", .none),
            ("bytes=-0", .none), ("bytes=0-1,3-4", .whole), ("bytes=--3", .whole), ("lines=1-2", .whole),
            ("bytes=99999999999999999999-", .none), ("bytes=-99999999999999999999", .whole),
        ] as [(String?, ByteRange)])
    func parts(_ header: String?, _ range: ByteRange) {
        #expect(ByteRange(header, size: 10) == range)
    }

    @Test("Of nothing there is no part", arguments: ["bytes=0-", "bytes=-1", "bytes=0-0"])
    func nothing(_ header: String) {
        #expect(ByteRange(header, size: 0) == .none)
    }

    @Test(
        "Dates are read as they are written",
        arguments: [0, 951_782_400, 951_868_800, 1_709_164_800, 1_795_663_761, -62_135_596_800, 253_402_300_799])
    func dates(_ seconds: Int64) {
        #expect(HTTPDate.seconds(HTTPDate.text(microseconds: seconds * 1_000_000 + 999_999)) == seconds)
    }

    @Test(
        "What is no date",
        arguments: [
            "", "yesterday", "Thu, 01 Jan 1970 00:00:00", "Thu, 01 Jan 1970 00:00:00 CET",
            "Xxx, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Foo 1970 00:00:00 GMT", "Thu, 32 Jan 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 24:00:00 GMT", "Thu, +1 Jan 1970 00:00:00 GMT", "Thursday, 01-Jan-70 00:00:00 GMT",
        ])
    func noDates(_ text: String) {
        #expect(HTTPDate.seconds(text) == nil)
    }
}
