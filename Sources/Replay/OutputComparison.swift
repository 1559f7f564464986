public import JupyterProtocol

/// Compares the outputs of a run with those that a notebook has stored.
public enum OutputComparison {
    /// Tags of cells whose outputs are not compared.
    public static let ignoringTags: Set<String> = ["husk-ignore-output", "nbval-ignore-output"]

    /// The differences as a unified diff, or nil when there are none that count.
    public static func difference(stored: [JSONValue], new: [JSONValue]) -> String? {
        let before = OutputNormalisation.lines(stored)
        let after = OutputNormalisation.lines(new)
        guard before != after else { return nil }
        return unified(before, after).joined(separator: "\n")
    }

    /// Text without terminal colours.
    public static func plain(_ text: String) -> String { OutputNormalisation.withoutColours(text) }

    private static func unified(_ before: [String], _ after: [String]) -> [String] {
        let difference = after.difference(from: before)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines = ["--- stored", "+++ this run"]
        var old = 0
        var new = 0
        while old < before.count || new < after.count {
            if removed.contains(old) {
                lines.append("-\(before[old])")
                old += 1
            } else if inserted.contains(new) {
                lines.append("+\(after[new])")
                new += 1
            } else {
                lines.append(" \(before[old])")
                old += 1
                new += 1
            }
        }
        return lines
    }
}
