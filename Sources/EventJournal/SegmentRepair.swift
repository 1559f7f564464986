import Glibc
import LinuxKit

/// What can be had of a file that is damaged behind its header: each record with its checksum stands for itself.
extension Segment {
    /// How far behind the last record is looked for bytes that ought to be zero.
    private static let margin = 1 << 16

    /// The size that the file was made with.
    private var intendedCount: Int {
        let size = word(at: 32)
        return size == 0 || size > 1 << 30 ? count : Int(size)
    }

    /// Whether there is a file behind it, or was.
    var hasSuccessor: Bool { word(at: 40) == 1 }

    /// Notes whether there is a file behind it.
    func note(hasSuccessor: Bool) { setWord(at: 40, hasSuccessor ? 1 : 0) }

    /// Goes to the last record that can be read from the front. Returns its sequence, or what `last` is where there is
    /// none.
    ///
    /// Numbers that are left out have been noted as lost by an earlier process: within a whole file they only grow.
    func goToEnd(after last: UInt64) -> UInt64 {
        var last = last
        while let (record, next) = record(at: end, checked: true), record.sequence > last,
            record.sequence < UInt64.max >> 1
        {
            end = next
            last = record.sequence
        }
        return last
    }

    /// Whether the file is as long as it was made, and nothing that can be read is behind `end`.
    func isWhole(after last: UInt64) -> Bool {
        guard count == intendedCount else { return false }
        guard count - end >= JournalRecord.headerSize else { return true }
        guard word(at: end) == 0 else { return false }
        // A writer that was killed leaves the first word of its record at zero, and more of it behind that.
        return word(at: end + 8) != 0 || nextRecord(behind: end, after: last, within: Segment.margin) == nil
    }

    /// The first whole record that begins behind the damage at an offset.
    ///
    /// - Parameter last: the sequence of the last record before the damage.
    func nextRecord(
        behind offset: Int, after last: UInt64, within margin: Int = .max
    ) -> (offset: Int, next: Int, sequence: UInt64)? {
        var place = offset + 8
        // What code has printed could look like a record: a payload whose header can be believed is not searched.
        if let (sequence, next) = sequence(at: offset), sequence == last + 1 { place = next }
        let limit = margin < count - offset ? offset + margin : count
        while limit - place >= JournalRecord.headerSize {
            if let (sequence, _) = sequence(at: place), sequence > last, sequence < UInt64.max >> 1,
                let (_, next) = record(at: place, checked: true)
            {
                return (place, next, sequence)
            }
            place += 8
        }
        return nil
    }

    /// Puts a file with the records that are whole in the place of this one, which gets another name.
    func repaired(after last: UInt64) throws(JournalError) -> (segment: Segment, name: String) {
        var whole: [Range<Int>] = [Segment.headerSize..<end]
        var first = end > Segment.headerSize ? firstSequence : nil
        var (last, place) = (last, end)
        while let found = nextRecord(behind: place, after: last) {
            (last, place) = (found.sequence - 1, found.offset)
            first = first ?? found.sequence
            while let (record, next) = record(at: place, checked: true), record.sequence > last {
                whole.append(place..<next)
                (last, place) = (record.sequence, next)
            }
        }
        let name = DamagedFile.unusedName(for: path)
        // Two names for a moment, so that no moment is without either.
        guard link(path, name) == 0 else {
            throw .system("link on \(path): \(SystemError.text(of: errno))")
        }
        let segment: Segment
        do throws(JournalError) {
            segment = try Segment(
                creating: path, index: index, firstSequence: first ?? firstSequence, count: max(count, intendedCount),
                fill: { new in
                    new.note(hasSuccessor: hasSuccessor)
                    for range in whole { new.copy(range, of: self) }
                })
        } catch {
            unlink(name)
            throw error
        }
        return (segment, name)
    }
}
