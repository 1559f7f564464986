import JupyterProtocol

/// Which parts of a cell's outputs count when two runs are compared, as lines.
///
/// - Pieces of one stream are one, and each stream counts by itself: two pipes have no common order.
/// - Of a line that was written over with carriage returns, the last text counts. White space at the ends of
///   lines and empty lines at the ends of texts do not.
/// - Execution counts and metadata do not count, nor does the traceback of an error: its name and value do.
/// - Of a display, the kinds of its representations count, and the contents of `text/*` and JSON ones. Pictures,
///   scripts, widgets and whatever else carries ids of the run count by their kind alone.
enum OutputNormalisation {
    static func lines(_ outputs: [JSONValue]) -> [String] {
        var lines: [String] = []
        var streams: [String: String] = [:]
        func flush() {
            for (name, content) in streams.sorted(by: { $0.key < $1.key }) {
                lines.append("[\(name)]")
                lines += text(content)
            }
            streams = [:]
        }
        for output in outputs {
            if output["output_type"] == "stream" {
                streams[output["name"]?.stringValue ?? "stdout", default: ""] += output["text"]?.stringValue ?? ""
            } else {
                flush()
                lines += other(output)
            }
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
        let kinds = data.keys.sorted()
        var lines = ["[\(output["output_type"]?.stringValue ?? "output"): \(kinds.joined(separator: ", "))]"]
        lines += text(data["text/plain"]?.stringValue ?? "")
        for kind in kinds where kind != "text/plain" {
            guard let content = data[kind].flatMap({ comparable($0, kind) }) else { continue }
            lines.append("[\(kind)]")
            lines += text(content)
        }
        return lines
    }

    /// The content of a representation, nil when only its kind counts.
    private static func comparable(_ value: JSONValue, _ kind: String) -> String? {
        let text: String
        if kind.hasPrefix("text/"), let value = value.stringValue {
            text = value
        } else if kind == "application/json" || (kind.hasPrefix("application/") && kind.hasSuffix("+json")) {
            if kind.contains("jupyter.widget") || kind.contains("bokehjs") { return nil }
            text = String(decoding: value.encodedForNotebook(), as: UTF8.self)
        } else {
            return nil
        }
        return LineNormalisation.withoutIdentifiers(text)
    }

    private static func text(_ text: String) -> [String] {
        var lines = LineNormalisation.withoutColours(text).utf8
            .split(separator: 0x0a, omittingEmptySubsequences: false)
            .map { line in
                var line = line.split(separator: 0x0d).last ?? line.prefix(0)
                while let last = line.last, last == 0x20 || last == 0x09 { line.removeLast() }
                return String(Substring(line))
            }
        while lines.last == "" { lines.removeLast() }
        return lines
    }
}
