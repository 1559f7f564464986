import JupyterProtocol

/// What of an output counts when two runs are compared.
///
/// Left out are: ANSI colours; execution counts; hexadecimal addresses (`0x7f…`); file names of cells
/// (`/tmp/ipykernel_1/2.py`, `<ipython-input-…>`); times of `%timeit` and `%time` and seconds in progress bars;
/// white space at the ends of lines. Pictures count by their kind, texts by their text. Of a display with a
/// text and richer forms, the kinds and the plain text count. Neighbouring pieces of one stream are one.
enum OutputNormalisation {
    /// The lines that stand for the outputs of a cell.
    static func lines(_ outputs: [JSONValue]) -> [String] {
        var lines: [String] = []
        var streams: [(name: String, text: String)] = []
        func flush() {
            // Two pipes have no common order: each stream is compared by itself.
            for stream in streams.sorted(by: { $0.name < $1.name }) {
                lines.append("[\(stream.name)]")
                lines += text(stream.text)
            }
            streams = []
        }
        for output in outputs {
            if output["output_type"] == "stream" {
                let name = output["name"]?.stringValue ?? "stdout"
                let piece = output["text"]?.stringValue ?? ""
                if let index = streams.firstIndex(where: { $0.name == name }) {
                    streams[index].text += piece
                } else {
                    streams.append((name, piece))
                }
                continue
            }
            flush()
            lines += other(output)
        }
        flush()
        return lines
    }

    private static func other(_ output: JSONValue) -> [String] {
        if output["output_type"] == "error" {
            let name = output["ename"]?.stringValue ?? ""
            return ["[error]"] + text("\(name): \(output["evalue"]?.stringValue ?? "")")
        }
        let data = output["data"]?.objectValue ?? [:]
        let kinds = data.keys.sorted().joined(separator: ", ")
        return ["[\(output["output_type"]?.stringValue ?? "output"): \(kinds)]"] + text(data["text/plain"]?.stringValue ?? "")
    }

    private static func text(_ text: String) -> [String] {
        var lines = withoutColours(text).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = String(line.split(separator: "\r", omittingEmptySubsequences: true).last ?? "")
            line.replace(/0x[0-9a-fA-F]{6,}/, with: "0x…")
            line.replace(/\/tmp\/ipykernel_\d+\/\d+\.py|<ipython-input-[^>]*>/, with: "<cell>")
            line.replace(/\d+(\.\d+)? ?(ns|µs|us|ms|s|min)\b/, with: "… s")
            while line.last?.isWhitespace == true { line.removeLast() }
            return line
        }
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    static func withoutColours(_ text: String) -> String {
        text.contains("\u{1b}") ? text.replacing(/\u{1b}\[[0-9;?]*[A-Za-z]/, with: "") : text
    }
}
