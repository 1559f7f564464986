/// What of a line changes from run to run by itself.
///
/// - Hexadecimal numbers of six digits and more, as in `<object at 0x7f0c…>`, are addresses: `0x…`.
/// - Names of cells as files (`/tmp/ipykernel_1/2.py`, `<ipython-input-1-0123456789ab>`, `(2.py, line 1)`) are
///   `<cell>`, and `Cell In[3]` has no number.
/// - The results of `%timeit` and `%time` have no times, and what these say only at times is left out.
/// - The clock and the rate of a progress bar of tqdm, `[00:01<00:00, 9.8it/s]`, are `[…]`.
///
/// Durations in any other text are results like others.
enum LineNormalisation {
    /// The line as it is compared; nil for one that only some runs have.
    static func normalised(_ line: String) -> String? {
        var line = line
        if line.contains("0x") { line.replace(/\b0x[0-9a-fA-F]{6,}/, with: "0x…") }
        if line.contains("ipy") {
            line.replace(/(?:\/[^\s:"'\/]+)*\/ipykernel_\d+\/\d+\.py|<ipython-input-[^>]*>/, with: "<cell>")
        }
        if line.contains(".py, line ") { line.replace(/\(\d+\.py, line\ /, with: "(<cell>, line ") }
        if line.contains("Cell In[") { line.replace(/Cell In\[\d+\]/, with: "Cell In[…]") }
        if line.contains("it/s]") || line.contains("s/it]") {
            line.replace(/\[\d+:\d\d(?::\d\d)?[<,][^\]]*\]/, with: "[…]")
        }
        return withoutTimings(line)
    }

    /// Colours, other control sequences and hyperlinks of terminals (ECMA-48) taken off.
    static func withoutColours(_ text: String) -> String {
        guard text.utf8.contains(0x1b) else { return text }
        return text.replacing(/\u{1b}\[[0-9;?]*[ -\/]*[@-~]|\u{1b}\][^\u{07}\u{1b}]*(?:\u{07}|\u{1b}\\)/, with: "")
    }

    /// UUIDs, other identifiers of 32 digits, and those of pandas' styled tables replaced.
    static func withoutIdentifiers(_ text: String) -> String {
        text.replacing(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b[0-9a-f]{32}\b/, with: "<id>")
            .replacing(/\bT_[0-9a-f]{5}(?![0-9a-zA-Z])/, with: "T_…")
    }

    private static func withoutTimings(_ line: String) -> String? {
        if line.hasPrefix("CPU times: ") { return "CPU times: …" }
        if line.hasPrefix("Wall time: ") { return "Wall time: …" }
        // IPython says these when compiling took long, or when the runs differ much.
        if line.hasPrefix("Compiler : ") || line.hasPrefix("Parser   : ") || line.hasPrefix("Compiler time: ")
            || line.hasPrefix("The slowest run took ")
        {
            return nil
        }
        guard line.contains(" per loop") else { return line }
        return line.replacing(
            /\d[^±+<>]* (?:±|\+-) \d[^<>(]*? per loop(?: \(mean (?:±|\+-) std\. dev\. of [^)]*\))?/, with: "… per loop")
    }
}
