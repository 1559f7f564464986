import EventJournal
import Glibc
import Testing

@Suite("The journal of a kernel")
struct JournalTests {
    /// A folder that is removed afterwards.
    func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/husk-journal-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        let folder = String(cString: try #require(made))
        defer { rmdir(folder) }
        try body(folder)
    }

    func small() -> Journal.Limits {
        var limits = Journal.Limits()
        limits.firstSegment = 4096
        limits.segment = 4096
        limits.segments = 3
        return limits
    }

    func records(_ journal: Journal, after sequence: UInt64 = 0) -> [JournalRecord] {
        var cursor = journal.cursor(after: sequence)
        var found: [JournalRecord] = []
        while true {
            switch journal.next(&cursor) {
            case .record(let record): found.append(record)
            case .truncated: continue
            case .end: return found
            }
        }
    }

    @Test("What was appended is read, also by the next process")
    func roundTrip() throws {
        try withFolder { folder in
            var journal: Journal? = try Journal.create(in: folder)
            for index in 0..<100 {
                try journal?.append(
                    kind: 2, flags: 1, frame: UInt64(index), request: 7, payload: Array("line \(index)".utf8))
            }
            journal = nil
            let again = try Journal.open(in: folder)
            let found = records(again)
            #expect(found.map(\.sequence) == Array(1...100))
            #expect(found.map { String(decoding: $0.payload, as: UTF8.self) } == (0..<100).map { "line \($0)" })
            #expect(found.last?.frame == 99 && found.last?.request == 7 && found.last?.flags == 1)
            #expect(try again.append(kind: 1, payload: []) == 101)
            again.remove()
        }
    }

    @Test("A ring that has gone round says what is missing")
    func truncation() throws {
        try withFolder { folder in
            let journal = try Journal.create(in: folder, limits: small())
            var cursor = journal.cursor(after: 0)
            for _ in 0..<40 { try journal.append(kind: 1, payload: [UInt8](repeating: 1, count: 900)) }
            guard case .truncated(let oldest) = journal.next(&cursor) else {
                Issue.record("nothing was reported missing")
                return
            }
            #expect(oldest == journal.firstSequence && oldest > 1)
            #expect(records(journal).map(\.sequence) == Array(oldest...40))
            journal.remove()
        }
    }

    @Test("Two servers cannot write one journal")
    func lock() throws {
        try withFolder { folder in
            let journal = try Journal.create(in: folder)
            #expect(throws: JournalError.inUse(folder)) { _ = try Journal.open(in: folder) }
            journal.remove()
        }
    }

    @Test("A journal damaged at any byte is read up to the damage")
    func damage() throws {
        try withFolder { folder in
            var journal: Journal? = try Journal.create(in: folder, limits: small())
            for index in 0..<5 { try journal?.append(kind: 1, payload: [UInt8](repeating: UInt8(index), count: 16)) }
            journal = nil
            let path = "\(folder)/1.journal"
            for position in 64..<(64 + 5 * 64) {
                let file = open(path, O_RDWR)
                var byte: UInt8 = 0
                pread(file, &byte, 1, off_t(position))
                var damaged = byte ^ 0x55
                pwrite(file, &damaged, 1, off_t(position))
                let found = try Journal.inspect(folder)
                // Bytes 42 to 47 of a record are checked too; nothing behind the damage may be believed.
                #expect(found.count == (position - 64) / 64, "byte \(position)")
                pwrite(file, &byte, 1, off_t(position))
                close(file)
            }
            #expect(try Journal.inspect(folder).count == 5)
            unlink(path)
        }
    }
}
