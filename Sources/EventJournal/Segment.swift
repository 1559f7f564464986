import CLinux
import Glibc
import LinuxKit

/// One file of a journal: a 64-byte header, then records.
///
/// | offset | what |
/// |---|---|
/// | 0 | `HUSKJRN1` |
/// | 8 | u32 version, 1 |
/// | 12 | u32 zero |
/// | 16 | u64 index of the segment |
/// | 24 | u64 sequence of its first record |
/// | 32 | u64 size of the file; 0 in one of an earlier version |
/// | 40 | u64 1 once there is a file behind it |
final class Segment {
    static let headerSize = 64
    private static let magic: UInt64 = 0x314e_524a_4b53_5548
    private static let version: UInt32 = 1

    let index: UInt64
    let firstSequence: UInt64
    let path: String
    let count: Int
    private let mapping: MemoryMapping
    /// Where the next record goes.
    var end = Segment.headerSize

    /// Makes a file with room for `count` bytes, all of it allocated: a full disk is an error here and not a
    /// SIGBUS in the middle of a write. It has its name once it is whole, with what `fill` puts in.
    init(
        creating path: String, index: UInt64, firstSequence: UInt64, count: Int, fill: (Segment) -> Void = { _ in }
    ) throws(JournalError) {
        let unfinished = "\(path).new"
        unlink(unfinished)
        let raw = open(unfinished, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard raw >= 0 else { throw Segment.failed("open", errno, path) }
        let file = OwnedDescriptor(adopting: raw)
        let outcome = posix_fallocate(raw, 0, off_t(count))
        guard outcome == 0 else {
            unlink(unfinished)
            throw Segment.failed("fallocate", outcome, path)
        }
        mapping = try Segment.map(file, count, path)
        self.path = path
        self.index = index
        self.firstSequence = firstSequence
        self.count = count
        mapping.base.storeBytes(of: Segment.version, toByteOffset: 8, as: UInt32.self)
        mapping.base.storeBytes(of: index, toByteOffset: 16, as: UInt64.self)
        mapping.base.storeBytes(of: firstSequence, toByteOffset: 24, as: UInt64.self)
        mapping.base.storeBytes(of: UInt64(count), toByteOffset: 32, as: UInt64.self)
        clinux_store_release(mapping.base, Segment.magic)
        fill(self)
        guard rename(unfinished, path) == 0 else {
            let code = errno
            unlink(unfinished)
            throw Segment.failed("rename", code, path)
        }
    }

    /// Opens an existing file. What is damaged behind its header does not count as that yet: see ``isWhole``.
    init(opening path: String) throws(JournalError) {
        if let reason = DamagedFile.reason(path) { throw .damaged(path, reason: reason) }
        let raw = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard raw >= 0 else { throw Segment.failed("open", errno, path) }
        let file = OwnedDescriptor(adopting: raw)
        var status = stat()
        guard fstat(raw, &status) == 0, status.st_size >= Segment.headerSize else {
            throw .damaged(path, reason: status.st_size == 0 ? "it is empty" : "it has been cut off")
        }
        count = Int(status.st_size)
        mapping = try Segment.map(file, count, path)
        self.path = path
        index = mapping.base.load(fromByteOffset: 16, as: UInt64.self)
        firstSequence = mapping.base.load(fromByteOffset: 24, as: UInt64.self)
        guard mapping.base.load(as: UInt64.self) == Segment.magic else {
            throw .damaged(path, reason: "it does not begin as a journal does")
        }
        guard mapping.base.load(fromByteOffset: 8, as: UInt32.self) == Segment.version else {
            throw .unreadable(path)
        }
        // Whatever else stands in a header, numbers so large have never been given.
        guard index < UInt64.max >> 1, firstSequence > 0, firstSequence < UInt64.max >> 1 else {
            throw .damaged(path, reason: "its header makes no sense")
        }
    }

    private static func failed(_ call: String, _ code: Int32, _ path: String) -> JournalError {
        code == ENOSPC || code == EDQUOT ? .noSpace(path) : .system("\(call) on \(path): \(SystemError.text(of: code))")
    }

    private static func map(
        _ file: borrowing OwnedDescriptor, _ count: Int, _ path: String
    ) throws(JournalError) -> MemoryMapping {
        do { return try MemoryMapping(file, count: count) } catch { throw .system("\(path): \(error)") }
    }

    static func size(payload: Int) -> Int { (JournalRecord.headerSize + payload + 7) & ~7 }

    func hasRoom(payload: Int) -> Bool { count - end >= Segment.size(payload: payload) }

    /// A word of the header, or of where a record may be.
    func word(at offset: Int) -> UInt64 { clinux_load_acquire(mapping.base + offset) }

    func setWord(at offset: Int, _ value: UInt64) { clinux_store_release(mapping.base + offset, value) }

    /// Takes over records from another file.
    func copy(_ range: Range<Int>, of other: Segment) {
        (mapping.base + end).copyMemory(from: other.mapping.base + range.lowerBound, byteCount: range.count)
        end += range.count
    }

    /// Appends a record; the caller has checked the room.
    func append(_ record: JournalRecord) {
        let base = mapping.base + end
        base.storeBytes(of: record.sequence, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: record.time, toByteOffset: 16, as: Int64.self)
        base.storeBytes(of: record.frame, toByteOffset: 24, as: UInt64.self)
        base.storeBytes(of: record.request, toByteOffset: 32, as: UInt64.self)
        base.storeBytes(of: UInt64(record.kind) | UInt64(record.flags) << 8, toByteOffset: 40, as: UInt64.self)
        record.payload.withUnsafeBytes { source in
            if let bytes = source.baseAddress {
                (base + JournalRecord.headerSize).copyMemory(from: bytes, byteCount: source.count)
            }
        }
        let checked = UnsafeRawBufferPointer(start: base + 8, count: 40 + record.payload.count)
        // Length and checksum in one store, after everything else: a killed writer leaves a record or none.
        let word = UInt64(record.payload.count + 1) | UInt64(CRC32C.checksum(checked)) << 32
        clinux_store_release(base, word)
        end += Segment.size(payload: record.payload.count)
    }

    /// What a record at `offset` begins with, and the length of its payload; nil where no record is.
    private func beginning(at offset: Int) -> (word: UInt64, length: Int)? {
        guard offset >= Segment.headerSize, count - offset >= JournalRecord.headerSize else { return nil }
        let word = clinux_load_acquire(mapping.base + offset)
        let length = Int(word & 0xffff_ffff) - 1
        guard length >= 0, length <= JournalRecord.maximumPayload, Segment.size(payload: length) <= count - offset
        else {
            return nil
        }
        return (word, length)
    }

    /// The sequence number of the record at `offset` and the offset after it, without a look at the payload.
    func sequence(at offset: Int) -> (sequence: UInt64, next: Int)? {
        guard let (_, length) = beginning(at: offset) else { return nil }
        let sequence = (mapping.base + offset).load(fromByteOffset: 8, as: UInt64.self)
        return (sequence, offset + Segment.size(payload: length))
    }

    /// The record at `offset` and the offset after it; nil at the end or at a torn record.
    // Inlined where the payload is not looked at, Swift 6.3 frees the array before it copies into it.
    @inline(never)
    func record(at offset: Int, checked: Bool) -> (record: JournalRecord, next: Int)? {
        guard let (word, length) = beginning(at: offset) else { return nil }
        let base = mapping.base + offset
        let bytes = UnsafeRawBufferPointer(start: base + 8, count: 40 + length)
        if checked, CRC32C.checksum(bytes) != UInt32(word >> 32) { return nil }
        let record = JournalRecord(
            sequence: base.load(fromByteOffset: 8, as: UInt64.self),
            time: base.load(fromByteOffset: 16, as: Int64.self),
            kind: base.load(fromByteOffset: 40, as: UInt8.self), flags: base.load(fromByteOffset: 41, as: UInt8.self),
            frame: base.load(fromByteOffset: 24, as: UInt64.self),
            request: base.load(fromByteOffset: 32, as: UInt64.self),
            payload: Array(UnsafeRawBufferPointer(start: base + JournalRecord.headerSize, count: length)))
        return (record, offset + Segment.size(payload: length))
    }
}
