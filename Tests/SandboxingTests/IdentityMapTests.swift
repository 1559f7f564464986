import Testing

@testable import Sandboxing

@Suite("Who is who in a sandbox")
struct IdentityMapTests {
    @Test("Root's sandboxes have ranges that do not meet", arguments: [0, 1, 7, 0x3fff] as [UInt32])
    func ranges(index: UInt32) {
        let map = IdentityMap.range(base: 0x2000_0000 + index * 0x1_0000)
        #expect(map.hasRoot && map.rangeBase == 0x2000_0000 + index * 0x1_0000)
        #expect(map.userLines == [[0, 0x2000_0000 + index * 0x1_0000, 65_536]])
    }

    @Test("Subordinates are everybody but the caller")
    func subordinates() {
        let map = IdentityMap.subordinate(uid: 1005, gid: 1006, .init(firstUser: 100_000, firstGroup: 200_000))
        #expect(map.userLines == [[0, 100_000, 1000], [1000, 1005, 1], [1001, 101_000, 64_535]])
        #expect(map.groupLines == [[0, 200_000, 1000], [1000, 1006, 1], [1001, 201_000, 64_535]])
        #expect(map.hasRoot && map.rangeBase == nil)
    }

    @Test("Without subordinates the caller is alone")
    func caller() {
        let map = IdentityMap.caller(uid: 5, gid: 6)
        #expect(map.userLines == [[1000, 5, 1]] && map.groupLines == [[1000, 6, 1]] && !map.hasRoot)
    }

    @Test(
        "The first range that is large enough counts",
        arguments: [
            ("me:100000:65536\n", 100_000), ("you:1:65536\nme:7:65536\n", 7), ("1005:9:65535\n", 9),
            ("me:1:1000\nme:300000:65536\n", 300_000), ("me:1:1000\n", nil), ("me:x:65536\n", nil), ("", nil),
            ("me:4294967295:65536\n", nil), ("me:1:65536:9\n", nil), ("mee:1:65536\n", nil),
        ] as [(String, UInt32?)])
    func subordinateFiles(text: String, first: UInt32?) {
        #expect(SubordinateIDs.first(in: text, of: ["1005", "me"]) == first)
    }
}
