import Glibc
import LinuxKit

/// The opening of a journal of which anything may be damaged or missing.
extension Journal {
    /// More numbers than have room in a file, and than a kernel gives before its ring has gone round.
    private static let skip: (file: UInt64, all: UInt64) = (1 << 20, 1 << 32)

    /// Takes over what an earlier process has left.
    func recover() throws(JournalError) {
        var found: [Segment] = []
        for path in files() { if let segment = try admitted(path) { found.append(segment) } }
        found.sort { $0.index < $1.index }
        if let first = found.first {
            lastSequence = first.firstSequence - 1
            // A ring that has gone round is full.
            if first.index > 1, found.count < limits.segments { noteMissing(upTo: first.index - 1) }
        }
        var isCut = false
        for segment in found {
            if let before = segments.last, segment.index > before.index + 1 { noteMissing(upTo: segment.index - 1) }
            lastSequence = max(lastSequence, segment.firstSequence - 1)
            let end = segment.goToEnd(after: lastSequence)
            isCut = !segment.isWhole(after: end)
            segments.append(isCut ? try repaired(segment, after: end) : segment)
            if !isCut { lastSequence = end }
        }
        guard let last = segments.last else {
            if damage.isEmpty { damage.append("\(directory) holds no journal") }
            lastSequence = Journal.skip.all
            try addSegment(size: limits.firstSegment)
            try append(kind: 0, payload: [])
            return
        }
        guard isCut || last.hasSuccessor else { return }
        if last.hasSuccessor { noteMissing(upTo: last.index + 1) }
        last.note(hasSuccessor: false)
        try noteLoss()
    }

    /// Leaves out numbers that lost records may have had, and marks the place with a record of nothing.
    public func noteLoss() throws(JournalError) {
        lastSequence += Journal.skip.file
        try append(kind: 0, payload: [])
    }

    private func admitted(_ path: String) throws(JournalError) -> Segment? {
        do throws(JournalError) {
            let segment = try Segment(opening: path)
            guard path == "\(directory)/\(segment.index).journal" else {
                throw .damaged(path, reason: "it is another file's copy")
            }
            return segment
        } catch {
            guard case .damaged(let path, let reason) = error else { throw error }
            let name: String
            do { name = try DamagedFile.setAside(path) } catch { throw .system("\(error)") }
            damage.append("\(path) is damaged: \(reason). It is now \(name)")
            return nil
        }
    }

    /// A segment with everything that can be read of a damaged one.
    private func repaired(_ segment: Segment, after end: UInt64) throws(JournalError) -> Segment {
        let (repaired, name) = try segment.repaired(after: end)
        repaired.end = Segment.headerSize
        lastSequence = repaired.goToEnd(after: lastSequence)
        damage.append("\(segment.path) is damaged behind record \(end). It is now \(name); what is whole has been kept")
        return repaired
    }

    private func noteMissing(upTo index: UInt64) {
        let path = "\(directory)/\(index).journal"
        if !damage.contains(where: { $0.hasPrefix(path) }) { damage.append("\(path) is missing") }
    }
}
