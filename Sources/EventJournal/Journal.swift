import Glibc
import LinuxKit

/// A kernel's numbered, written-ahead, bounded log: a ring of preallocated files in a folder of its own.
///
/// What is damaged is set aside, and what is whole is kept: numbers that are lost are left out, and never given again.
///
/// Records are written through a mapping, so what has been appended outlives a killed process (it is in the page
/// cache; nothing is synced for a power cut). One writer, on one thread; reading is on the same thread.
public final class Journal {
    /// How much a journal may hold.
    public struct Limits: Hashable, Sendable {
        /// Size of the first file, small so that a kernel starts fast.
        public var firstSegment = 1 << 20
        /// Size of the others.
        public var segment = 8 << 20
        /// Number of files.
        public var segments = 8
        /// Number of files where a reader still needs the oldest ones.
        public var mostSegments = 32

        /// The defaults.
        public init() {}
    }

    /// The sequence of the last record, 0 for none.
    public internal(set) var lastSequence: UInt64 = 0
    /// When this process last wrote, in microseconds since 1970; 0 when it has not.
    public private(set) var lastTime: Int64 = 0
    /// What was damaged when it was opened, a sentence each.
    public internal(set) var damage: [String] = []

    /// Whether a reader that is to miss nothing has not read a file yet, the number of which it is given.
    public var isNeeded: ((_ segment: UInt64) -> Bool)?

    let directory: String
    let limits: Limits
    private let lock: OwnedDescriptor
    var segments: [Segment] = []

    private init(directory: String, limits: Limits) throws(JournalError) {
        self.directory = directory
        self.limits = limits
        let raw = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw .system("open on \(directory): \(SystemError.text(of: errno))") }
        let file = OwnedDescriptor(adopting: raw)
        guard flock(raw, LOCK_EX | LOCK_NB) == 0 else { throw .inUse(directory) }
        lock = file
    }

    /// Makes a journal in a folder, which is made too if need be and must hold no journal.
    public static func create(in directory: String, limits: Limits = Limits()) throws(JournalError) -> Journal {
        if mkdir(directory, 0o700) < 0, errno != EEXIST {
            throw .system("mkdir on \(directory): \(SystemError.text(of: errno))")
        }
        let journal = try Journal(directory: directory, limits: limits)
        for path in journal.files() {
            do { try DamagedFile.setAside(path) } catch { throw .system("\(error)") }
        }
        try journal.addSegment(size: limits.firstSegment)
        return journal
    }

    /// Opens a journal that another process left, with all whole records of it.
    public static func open(in directory: String, limits: Limits = Limits()) throws(JournalError) -> Journal {
        let isMissing = mkdir(directory, 0o700) == 0
        let journal = try Journal(directory: directory, limits: limits)
        if isMissing { journal.damage.append("\(directory) is missing") }
        try journal.recover()
        return journal
    }

    /// Opens a journal to read, beside its writer.
    public static func inspect(_ directory: String) throws(JournalError) -> [JournalRecord] {
        var records: [JournalRecord] = []
        var found: [Segment] = []
        for path in Journal.files(in: directory) {
            do throws(JournalError) {
                found.append(try Segment(opening: path))
            } catch {
                guard case .damaged = error else { throw error }
            }
        }
        for segment in found.sorted(by: { $0.index < $1.index }) {
            var offset = Segment.headerSize
            while let (record, next) = segment.record(at: offset, checked: true) {
                records.append(record)
                offset = next
            }
        }
        return records
    }

    /// The sequence of the oldest record that is still there; one above `lastSequence` when there is none.
    public var firstSequence: UInt64 { segments.first?.firstSequence ?? lastSequence + 1 }

    /// Appends a record and returns its sequence.
    @discardableResult
    public func append(
        kind: UInt8, flags: UInt8 = 0, frame: UInt64 = 0, request: UInt64 = 0, payload: [UInt8]
    ) throws(JournalError) -> UInt64 {
        precondition(payload.count <= JournalRecord.maximumPayload, "a record of \(payload.count) bytes")
        if segments.last?.hasRoom(payload: payload.count) != true { try addSegment(size: limits.segment) }
        lastSequence += 1
        lastTime = WallClock.microseconds
        segments.last?.append(
            JournalRecord(
                sequence: lastSequence, time: lastTime, kind: kind, flags: flags, frame: frame, request: request,
                payload: payload))
        return lastSequence
    }

    /// A cursor before the first record after `sequence`.
    public func cursor(after sequence: UInt64) -> JournalCursor {
        guard let segment = segments.last(where: { $0.firstSequence <= sequence + 1 }) else {
            // In front of the first, so that reading says what is gone.
            return JournalCursor(sequence: sequence, segment: 0, offset: Segment.headerSize)
        }
        var cursor = JournalCursor(sequence: sequence, segment: segment.index, offset: Segment.headerSize)
        while let (found, next) = segment.sequence(at: cursor.offset), found <= sequence { cursor.offset = next }
        return cursor
    }

    /// Reads the next record and moves the cursor behind it.
    public func next(_ cursor: inout JournalCursor) -> JournalReading {
        while let position = segments.firstIndex(where: { $0.index >= cursor.segment }) {
            let segment = segments[position]
            if segment.index > cursor.segment {
                cursor.segment = segment.index
                cursor.offset = Segment.headerSize
                if segment.firstSequence > cursor.sequence + 1 {
                    cursor.sequence = segment.firstSequence - 1
                    return .truncated(oldest: segment.firstSequence)
                }
            }
            // Only this process has written since the last check.
            if cursor.offset < segment.end, let (record, next) = segment.record(at: cursor.offset, checked: false) {
                // Where the ring begins, whoever has a place knows what is not there any more.
                if position > 0 || cursor.offset > Segment.headerSize, record.sequence > cursor.sequence + 1 {
                    cursor.sequence = record.sequence - 1
                    return .truncated(oldest: record.sequence)
                }
                cursor.offset = next
                cursor.sequence = record.sequence
                return .record(record)
            }
            guard position + 1 < segments.count else { return .end }
            cursor.segment = segments[position + 1].index
            cursor.offset = Segment.headerSize
        }
        return .end
    }

    /// How many bytes of records lie behind a cursor.
    public func bytesBehind(_ cursor: JournalCursor) -> Int {
        var total = 0
        for segment in segments where segment.index >= cursor.segment {
            total += segment.end - (segment.index == cursor.segment ? cursor.offset : Segment.headerSize)
        }
        return total
    }

    /// Deletes the journal's files and its folder. What they held can still be read here.
    public func remove() {
        for segment in segments { unlink(segment.path) }
        // One that a killed process had not finished.
        unlink("\(directory)/\((segments.last?.index ?? 0) + 1).journal.new")
        rmdir(directory)
    }

    func addSegment(size: Int) throws(JournalError) {
        let index = (segments.last?.index ?? 0) + 1
        let path = "\(directory)/\(index).journal"
        let segment = try Segment(creating: path, index: index, firstSequence: lastSequence + 1, count: size)
        segments.last?.note(hasSuccessor: true)
        segments.append(segment)
        while segments.count > limits.segments, let oldest = segments.first {
            if segments.count <= limits.mostSegments, isNeeded?(oldest.index) == true { return }
            unlink(oldest.path)
            segments.removeFirst()
        }
    }

    func files() -> [String] { Journal.files(in: directory) }

    /// The paths of what has a segment's name; whatever else lies there is somebody else's.
    private static func files(in directory: String) -> [String] {
        let suffix = ".journal"
        return Directory.entries(directory)
            .filter { $0.hasSuffix(suffix) && UInt64($0.dropLast(suffix.count)).map { "\($0)\(suffix)" } == $0 }
            .map { "\(directory)/\($0)" }
    }
}
