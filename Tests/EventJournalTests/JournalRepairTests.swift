import Glibc
import Testing

@testable import EventJournal

@Suite("A journal that is damaged")
struct JournalRepairTests {
    private let folder: String
    private let limits: Journal.Limits

    init() throws {
        var template = Array("/tmp/husk-journal-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        folder = String(cString: try #require(made))
        var limits = Journal.Limits()
        limits.firstSegment = 4096
        limits.segment = 4096
        limits.segments = 8
        self.limits = limits
    }

    /// Writes twelve records of 1024 bytes, three a file but for the last, which has none behind it.
    private func write() throws {
        let journal = try Journal.create(in: folder, limits: limits)
        for index in 1...12 { try journal.append(kind: 1, payload: [UInt8](repeating: UInt8(index), count: 976)) }
    }

    private func clean() {
        for name in entries() { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    private func entries() -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    private func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) {
        let file = open("\(folder)/\(name)", O_RDWR)
        defer { close(file) }
        #expect(pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count)
    }

    /// The numbers of all records with something in them, and whether a hole is said before each.
    private func read(_ journal: Journal) -> [(sequence: UInt64, isBehindHole: Bool)] {
        var cursor = journal.cursor(after: 0)
        var found: [(sequence: UInt64, isBehindHole: Bool)] = []
        var hole = false
        while true {
            switch journal.next(&cursor) {
            case .record(let record):
                if record.kind != 0 { found.append((record.sequence, hole)) }
                hole = false
            case .truncated(let oldest):
                #expect(oldest > cursor.sequence)
                hole = true
            case .end: return found
            }
        }
    }

    /// Opens it twice: what the first time has mended is whole the second time.
    private func check(_ sequences: [UInt64], holesBefore holes: [UInt64], _ text: String) throws {
        var journal: Journal? = try Journal.open(in: folder, limits: limits)
        #expect(journal?.damage.contains { $0.contains(text) } == true, "\(journal?.damage ?? [])")
        for _ in 0..<2 {
            let found = read(try #require(journal))
            #expect(found.map(\.sequence) == sequences)
            #expect(found.filter(\.isBehindHole).map(\.sequence) == holes)
            let last = try #require(journal).lastSequence
            #expect(last >= 12)
            journal = nil
            journal = try Journal.open(in: folder, limits: limits)
            #expect(journal?.lastSequence == last)
        }
        #expect(journal?.damage.contains { $0.contains("is damaged") } == false)
        let next = try #require(journal).append(kind: 1, payload: [1])
        #expect(read(try #require(journal)).map(\.sequence) == sequences + [next])
    }

    @Test("One record is lost, and those around it are kept", arguments: [64, 100, 1088 + 20, 1088 + 500, 2112 + 900])
    func middle(_ offset: Int) throws {
        defer { clean() }
        try write()
        overwrite("2.journal", at: offset, with: [9, 8, 7, 6, 5, 4, 3, 2])
        let lost = UInt64(4 + (offset - 64) / 1024)
        let rest = (1...12).filter { $0 != lost }
        try check(rest, holesBefore: [lost + 1], "2.journal is damaged")
        #expect(entries().contains("2.journal.damaged-1"))
    }

    @Test("What a lost end had of numbers is not given again")
    func end() throws {
        defer { clean() }
        try write()
        truncate("\(folder)/4.journal", 64 + 1024 + 500)
        try check(Array(1...10), holesBefore: [], "4.journal is damaged")
        #expect(try Journal.open(in: folder, limits: limits).lastSequence > 1 << 20)
    }

    @Test("A file that is missing is a hole, and the last one too", arguments: [1, 2, 3, 4])
    func missing(_ number: Int) throws {
        defer { clean() }
        try write()
        unlink("\(folder)/\(number).journal")
        let first = UInt64(number * 3 - 2)
        let rest = (1...12).filter { $0 < first || $0 > first + 2 }
        try check(rest, holesBefore: number < 4 ? [first + 3] : [], "\(number).journal is missing")
    }

    @Test("A file of a kill in the middle of a record is whole")
    func torn() throws {
        defer { clean() }
        do {
            let journal = try Journal.create(in: folder, limits: limits)
            try journal.append(kind: 1, payload: [1, 2, 3])
        }
        // All of a record but its first word, which is stored last.
        overwrite("1.journal", at: 64 + 56 + 8, with: [2] + [UInt8](repeating: 0, count: 31) + [1])
        let journal = try Journal.open(in: folder, limits: limits)
        #expect(journal.damage.isEmpty)
        #expect(journal.lastSequence == 1)
    }

    @Test("What code has printed is taken for no record")
    func forged() throws {
        defer { clean() }
        var record: [UInt8] = []
        do {
            let journal = try Journal.create(in: folder, limits: limits)
            for _ in 0..<2 { try journal.append(kind: 1, payload: [UInt8](repeating: 1, count: 80)) }
            let file = open("\(folder)/1.journal", O_RDONLY)
            record = [UInt8](repeating: 0, count: 128)
            pread(file, &record, 128, 64 + 128)
            close(file)
            journal.remove()
        }
        do {
            let journal = try Journal.create(in: folder, limits: limits)
            try journal.append(kind: 1, payload: [UInt8](repeating: 0, count: 8) + record)
            try journal.append(kind: 2, payload: [7])
        }
        // The first record is damaged; the one within it is whole, and has a number that could be.
        overwrite("1.journal", at: 64 + 40, with: [3])
        let journal = try Journal.open(in: folder, limits: limits)
        var cursor = journal.cursor(after: 0)
        var kinds: [UInt8] = []
        while true {
            switch journal.next(&cursor) {
            case .record(let record): if record.kind != 0 { kinds.append(record.kind) }
            case .truncated: continue
            case .end:
                #expect(kinds == [2])
                return
            }
        }
    }
}
