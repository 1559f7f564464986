import JupyterProtocol
import Replay
import Testing

@Suite("Comparing outputs")
struct OutputComparisonTests {
    func stream(_ text: String, _ name: String = "stdout") -> JSONValue {
        ["output_type": "stream", "name": .string(name), "text": .string(text)]
    }

    @Test("Addresses, colours and times do not count")
    func normalised() {
        let before = stream("\u{1b}[31m<f at 0x7f00aa11>\u{1b}[0m took 12.5 ms  \n")
        let after = stream("<f at 0x7fffbb22> took 3 µs\n")
        #expect(OutputComparison.difference(stored: [before], new: [after]) == nil)
    }

    @Test("A difference is shown line by line")
    func difference() {
        #expect(
            OutputComparison.difference(stored: [stream("a\nb\nc\n")], new: [stream("a\nx\nc\n")])
                == "--- stored\n+++ this run\n [stdout]\n a\n-b\n+x\n c")
    }

    @Test("A missing output is a difference")
    func missing() {
        #expect(OutputComparison.difference(stored: [stream("a")], new: []) != nil)
    }
}
