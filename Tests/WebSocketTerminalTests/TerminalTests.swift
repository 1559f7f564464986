import Testing
import WebSocketTerminal

@Suite("Messages of a terminal's WebSocket")
struct TerminalTests {
    @Test(
        "Clients type and resize; words that are not known mean nothing",
        arguments: [
            (#"["stdin","ls\r"]"#, .input("ls\r")), (#"["set_size",24,80,432,720]"#, .size(rows: 24, columns: 80)),
            (#"["set_size",24,80]"#, .size(rows: 24, columns: 80)), (#"["set_size",0,80]"#, nil),
            (#"["set_size",70000,80]"#, nil), (#"["set_size",null,null]"#, nil), (#"["set_size"]"#, nil),
            (#"["ping",1]"#, nil),
        ] as [(String, TerminalRequest?)])
    func requests(_ text: String, _ expected: TerminalRequest?) throws {
        #expect(try TerminalRequest(parsing: Array(text.utf8)) == expected)
    }

    @Test("What is no message is refused", arguments: ["", "{}", "[]", "[1]", #"["stdin"]"#, #"["stdin",1]"#, "x"])
    func malformed(_ text: String) {
        #expect(throws: TerminalError.malformed) { try TerminalRequest(parsing: Array(text.utf8)) }
    }

    @Test("What terminals tell")
    func events() {
        func text(_ event: TerminalEvent) -> String { String(decoding: event.encoded, as: UTF8.self) }
        #expect(text(.setup) == #"["setup",{}]"# && text(.disconnect) == #"["disconnect",1]"#)
        #expect(text(.output("a\u{1b}[0m\"")) == #"["stdout","a\u001b[0m\""]"#)
    }

    @Test("Characters that are cut come whole")
    func pieces() {
        let bytes = Array("aé€😀b".utf8)
        for size in 1...5 {
            var text = TerminalText()
            var result = ""
            for start in stride(from: 0, to: bytes.count, by: size) {
                result += text.add(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(result + text.finish() == "aé€😀b")
        }
        var broken = TerminalText()
        #expect(broken.add([0xff, 0x61, 0xe2]) == "\u{fffd}a" && broken.add([0x62]) == "\u{fffd}b")
        #expect(broken.add([0xe2]).isEmpty && broken.finish() == "\u{fffd}" && broken.finish().isEmpty)
    }
}
