public import JupyterProtocol

/// Compares the outputs of a run with those that a notebook has stored.
public enum OutputComparison {
    /// Tags of cells whose outputs are not compared.
    public static let ignoringTags: Set<String> = ["husk-ignore-output", "nbval-ignore-output"]

    /// The differences of one cell as a unified diff, or nil when there are none that count.
    ///
    /// What counts is documented at `OutputNormalisation` and `LineNormalisation`.
    public static func difference(stored: [JSONValue], new: [JSONValue]) -> String? {
        var before = OutputNormalisation.lines(stored)
        var after = OutputNormalisation.lines(new)
        // Most outputs are the same to the letter.
        if before == after { return nil }
        before = before.compactMap(LineNormalisation.normalised)
        after = after.compactMap(LineNormalisation.normalised)
        if before == after { return nil }
        return UnifiedDiff.lines(before, after, names: ("stored", "this run")).joined(separator: "\n")
    }

    /// Text without terminal colours.
    public static func plain(_ text: String) -> String { LineNormalisation.withoutColours(text) }
}
