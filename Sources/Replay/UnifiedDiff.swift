/// The differences of two texts as people read them (`diff -u`), in a bounded time and length.
enum UnifiedDiff {
    /// Lines round a change that are shown with it.
    static let context = 3
    /// Changed regions with more lines than this on both sides together are shown as replaced altogether: the
    /// search for the shortest way takes a time that grows with the square.
    static let maximumSearched = 4000
    /// No difference is longer; a last line says how much was left out.
    static let maximumShown = 200

    private enum Edit: Equatable {
        case keep, remove, insert
    }

    /// The diff with its two head lines, empty when the texts are the same.
    static func lines(_ before: [String], _ after: [String], names: (String, String)) -> [String] {
        let edits = edits(before, after)
        var lines: [String] = []
        var old = 0
        var new = 0
        var index = 0
        while let change = edits[index...].firstIndex(where: { $0 != .keep }) {
            let start = max(index, change - context)
            old += start - index
            new += start - index
            let end = endOfHunk(edits, from: change)
            let hunk = edits[start..<end]
            lines.append(
                "@@ -\(range(old, hunk.count { $0 != .insert })) +\(range(new, hunk.count { $0 != .remove })) @@")
            for edit in hunk {
                switch edit {
                case .keep: lines.append(" \(before[old])")
                case .remove: lines.append("-\(before[old])")
                case .insert: lines.append("+\(after[new])")
                }
                if edit != .insert { old += 1 }
                if edit != .remove { new += 1 }
            }
            index = end
        }
        guard !lines.isEmpty else { return [] }
        if lines.count > maximumShown {
            let rest = lines.count - maximumShown
            lines = lines.prefix(maximumShown) + ["… and \(rest) more line\(rest == 1 ? "" : "s")"]
        }
        return ["--- \(names.0)", "+++ \(names.1)"] + lines
    }

    /// Where the hunk around a change ends: changes share one when their contexts touch.
    private static func endOfHunk(_ edits: [Edit], from change: Int) -> Int {
        var last = change
        for index in change..<edits.count {
            if edits[index] != .keep { last = index } else if index - last > 2 * context { break }
        }
        return min(edits.count, last + 1 + context)
    }

    /// A hunk's place: an empty one is named by the line before it.
    private static func range(_ start: Int, _ count: Int) -> String {
        count == 1 ? "\(start + 1)" : "\(count == 0 ? start : start + 1),\(count)"
    }

    private static func edits(_ before: [String], _ after: [String]) -> [Edit] {
        let head = zip(before, after).prefix { $0 == $1 }.count
        let tail = zip(before[head...].reversed(), after[head...].reversed()).prefix { $0 == $1 }.count
        let old = before[head..<(before.count - tail)]
        let new = after[head..<(after.count - tail)]
        var edits = [Edit](repeating: .keep, count: head)
        if old.count + new.count > maximumSearched {
            edits += [Edit](repeating: .remove, count: old.count) + [Edit](repeating: .insert, count: new.count)
        } else {
            edits += shortest(Array(old), Array(new))
        }
        return edits + [Edit](repeating: .keep, count: tail)
    }

    private static func shortest(_ old: [String], _ new: [String]) -> [Edit] {
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var edits: [Edit] = []
        var first = 0
        var second = 0
        while first < old.count || second < new.count {
            if removed.contains(first) {
                edits.append(.remove)
                first += 1
            } else if inserted.contains(second) {
                edits.append(.insert)
                second += 1
            } else {
                edits.append(.keep)
                first += 1
                second += 1
            }
        }
        return edits
    }
}
