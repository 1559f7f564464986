import JupyterProtocol
import Replay
import Testing

@Suite("Comparing outputs")
struct OutputComparisonTests {
    func stream(_ text: String, _ name: String = "stdout") -> JSONValue {
        ["output_type": "stream", "name": .string(name), "text": .string(text)]
    }

    @Test(
        "What changes by itself does not count",
        arguments: [
            ("\u{1b}[31m<f at 0x7f00aa11>\u{1b}[0m  \n", "<f at 0x7fffbb22>\n"),
            ("CPU times: user 3 ms, total: 4 ms\nWall time: 5 ms\n", "CPU times: user 9 s\nWall time: 9 s\n"),
        ])
    func normalised(before: String, after: String) {
        #expect(OutputComparison.difference(stored: [stream(before)], new: [stream(after)]) == nil)
    }

    @Test(
        "What a program says counts",
        arguments: [("took 12.5 ms\n", "took 3 ms\n"), ("a 0x10\n", "a 0x11\n"), (" a\n", "a\n"), ("1\n", "1.0\n")])
    func counted(before: String, after: String) {
        #expect(OutputComparison.difference(stored: [stream(before)], new: [stream(after)]) != nil)
    }

    @Test("A difference is shown line by line")
    func difference() {
        #expect(
            OutputComparison.difference(stored: [stream("a\nb\nc\n")], new: [stream("a\nx\nc\n")])
                == "--- stored\n+++ this run\n@@ -1,4 +1,4 @@\n [stdout]\n a\n-b\n+x\n c")
    }

    @Test("A missing output is a difference")
    func missing() {
        #expect(OutputComparison.difference(stored: [stream("a")], new: []) != nil)
    }
}
