import JupyterProtocol
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(
        "Valid texts",
        arguments: [
            (#"{"a":[1,-2.5,true,null,"é😀\n"]}"#, #"{"a":[1,-2.5,true,null,"é😀\n"]}"#),
            (#""\ud83d\ude00\u0041""#, #""😀A""#), ("9223372036854775807", "9223372036854775807"),
            ("1e2", "100.0"), (" [ ] ", "[]"), (#"{"b":1,"a":2,"b":3}"#, #"{"a":2,"b":3}"#),
            (#""\ud800""#, "\"\u{fffd}\""),
        ])
    func valid(_ text: String, _ expected: String) throws {
        #expect(String(decoding: try JSONValue(parsing: Array(text.utf8)).encoded(), as: UTF8.self) == expected)
    }

    @Test(
        "Invalid texts",
        arguments: ["", "{", "[1,]", "01", "nul", "\"", "\"\u{1}\"", "1 2", "{\"a\" 1}", "NaN", "+1", "\"\\x\"", "-"])
    func invalid(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "Halves of characters",
        arguments: [
            (#"["\ud83d\ude00", "\u0041\\ud800", "\\\ud83d\ude00"]"#, false), (#""\ud800""#, true),
            (#"{"\udc00":1}"#, true), (#""\\\ud800""#, true), (#""\ud83d\u0041""#, true),
            (#""\ude00\ud83d""#, true), (#""\ud83d\ud83d\ude00""#, true), ("1", false), ("", false), ("\\u12", true),
        ])
    func surrogates(_ text: String, _ isHalf: Bool) {
        #expect(JSONText.hasLoneSurrogate(Array(text.utf8)) == isHalf)
    }

    @Test(
        "Names that are there twice",
        arguments: [
            (#"{"a":1,"b":{"a":2,"b":3,"b":4}}"#, nil), (#"{"a":1,"b":2,"b":3,"a":4}"#, "b"), ("[1]", nil),
            (#"{"a":1,"\u0061":2}"#, "a"), ("{}", nil),
        ])
    func repeated(_ text: String, _ name: String?) throws {
        #expect(try JSONMembers.repeatedName(in: Array(text.utf8)) == name)
    }

    @Test("Nesting is bounded")
    func depth() throws {
        let bomb = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: bomb) }
        func nested(_ count: Int) -> [UInt8] {
            Array(#"{"a":"#.utf8) + bomb.prefix(count) + [UInt8](repeating: UInt8(ascii: "]"), count: count) + [
                UInt8(ascii: "}")
            ]
        }
        let deepest = nested(999)
        #expect(try JSONValue(parsing: deepest).encoded() == deepest)
        #expect(throws: JSONError.self) { try JSONCheck.isObject(deepest) }
        #expect(try JSONCheck.isObject(nested(JSONCheck.maximumDepth - 1)))
    }

    @Test("Text of any bytes is valid UTF-8 afterwards")
    func repairs() {
        var output: [UInt8] = []
        JSONText.append([0x61, 0xff, 0x22, 0xc3], to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "\"a\u{fffd}\\\"\u{fffd}\"")
    }

    @Test("Whatever bytes come, parsing ends and what it accepts it writes")
    func fuzz() throws {
        var generator = SeededGenerator(seed: 3)
        let seed = Array(#"{"a":[1,2.5e3,"\u00e9\n",{"b":null}],"c":true}"#.utf8)
        for _ in 0..<5000 {
            var bytes = seed
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let value = try? JSONValue(parsing: bytes)
            #expect((try? JSONCheck.isObject(bytes)) == value.map { $0.objectValue != nil })
            guard let value else { continue }
            #expect(try JSONValue(parsing: value.encoded()) == value)
        }
    }

    @Test(
        "A text is found by its path, the last of equal names",
        arguments: [
            (#"{"a":{"b":"x"}}"#, "x"), (#"{"a":{"b":"x","b":"y\u00e9"}}"#, "yé"), (#"{"\u0061":{"b":"x"}}"#, "x"),
            (#"{"a":{"b":"x"},"a":{}}"#, nil), (#"{"a":{"b":"x"},"a":1}"#, nil), (#"{"a":{"b":"x","b":1}}"#, nil),
            (#"{"a":{"b":"x","b":{"b":"y"}}}"#, nil), (#"{"c":{"a":{"b":"x"}}}"#, nil), (#"{"a":[{"b":"x"}]}"#, nil),
            (#"{"b":"x"}"#, nil), (#"["a"]"#, nil), (#"{"a":{"b":"x"}"#, nil), ("", nil),
        ])
    func texts(_ text: String, _ expected: String?) {
        #expect(JSONCheck.text(at: "a", "b", in: Array(text.utf8)) == expected)
    }

    @Test("A number that no Double holds is JSON all the same")
    func longNumbers() throws {
        let digits = String(repeating: "9", count: 400)
        #expect(try JSONCheck.isObject(Array("{\"a\":[\(digits),1e999]}".utf8)))
    }

    @Test("Members are given as they stand, the last of equal names")
    func members() throws {
        let bytes = Array(#" {"a": [1.50 , {}],"b":{"c":"}"},"\u0061":2e0,"d":null} "#.utf8)
        let found = try #require(try JSONMembers.values(of: ["a", "b", "x"], in: bytes))
        #expect(found.mapValues { String(decoding: $0, as: UTF8.self) } == ["a": "2e0", "b": #"{"c":"}"}"#])
        #expect(found["b"].map { bytes[$0.indices] } == found["b"])
        #expect(try JSONMembers.values(of: [], in: Array("[]".utf8)) == nil)
        #expect(throws: JSONError.self) { try JSONMembers.values(of: [], in: Array(#"{"a":1}x"#.utf8)) }
        #expect(throws: JSONError.self) { try JSONMembers.values(of: [], in: Array(#"{"a":[1}"#.utf8)) }
    }

    @Test(
        "Dates",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00.000000Z"), (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_795_464_000_123_456, "2026-11-23T20:00:00.123456Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        ])
    func dates(_ microseconds: Int64, _ expected: String) {
        #expect(Timestamp.iso8601(microseconds: microseconds) == expected)
    }

    @Test(
        "What is wrong with a connection file is named",
        arguments: [
            ("[]", ""), ("{}", "shell_port"),
            (#"{"shell_port":1,"iopub_port":1}"#, "iopub_port"), (#"{"shell_port":"x"}"#, "shell_port"),
            (
                #"{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"key":"","transport":"udp"}"#,
                "transport"
            ),
            (#"{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5}"#, "key"),
        ])
    func connectionFiles(_ text: String, _ field: String) {
        let error = #expect(throws: ConnectionFileError.self) { try ConnectionFile(parsing: Array(text.utf8)) }
        #expect(error?.field == field)
    }
}
