/// Python files whose cells begin with `# %%` lines, as editors and jupytext read them.
///
/// A marker is `# %%` or `#%%` at the start of a line, alone or before white space and a title. What stands
/// before the first marker is a cell too. With `[markdown]` or `[md]` in the title a cell is prose, and the
/// `# ` before each of its lines is taken off. Blank lines round a cell, and cells of nothing else, are left out.
/// Lines may end with LF or CR LF.
enum PercentFormat {
    static func cells(of source: String) -> [NotebookCell] {
        var parts: [(isProse: Bool, lines: [String])] = [(false, [])]
        for var line in source.utf8.split(separator: 0x0a, omittingEmptySubsequences: false) {
            if line.last == 0x0d { line.removeLast() }
            let text = String(Substring(line))
            if let title = title(of: text) {
                parts.append((title.contains("[markdown]") || title.contains("[md]"), []))
            } else {
                parts[parts.count - 1].lines.append(text)
            }
        }
        return parts.compactMap { part in
            let lines = trimmed(part.isProse ? part.lines.map(uncommented) : part.lines)
            guard !lines.isEmpty else { return nil }
            let source = lines.joined(separator: "\n")
            return part.isProse ? NotebookCell(markdown: source) : NotebookCell(code: source)
        }
    }

    /// What stands behind a marker; nil for any other line. `# %%time` is a magic in a comment.
    private static func title(of line: String) -> Substring? {
        for marker in ["# %%", "#%%"] where line.hasPrefix(marker) {
            let rest = line.dropFirst(marker.count)
            return rest.first.map(\.isWhitespace) ?? true ? rest : nil
        }
        return nil
    }

    private static func uncommented(_ line: String) -> String {
        if line.hasPrefix("# ") { return String(line.dropFirst(2)) }
        return line == "#" ? "" : line
    }

    private static func trimmed(_ lines: [String]) -> ArraySlice<String> {
        func isBlank(_ line: String) -> Bool { line.allSatisfy(\.isWhitespace) }
        guard let first = lines.firstIndex(where: { !isBlank($0) }),
            let last = lines.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return lines[first...last]
    }
}
