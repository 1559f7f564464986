import EventJournal
public import KeeperWire
import LinuxKit

extension KernelServer.Place {
    /// What is written down of the kernel's end: by the keeper when no server had it, by its server in its journal. Nil
    /// for nothing.
    public var recordedDeath: Death? {
        if let bytes = try? WholeFile.read("\(state)/deaths/\(kernel)"), let death = death(in: bytes) { return death }
        guard let journal = EndedKernels.journal(of: self) else { return nil }
        var cursor = journal.cursor(after: 0)
        while true {
            switch journal.next(&cursor) {
            case .record(let record) where record.kind == JournalEntry.Kind.death.rawValue:
                return death(in: record.payload)
            case .record, .truncated: continue
            case .end: return nil
            }
        }
    }

    private func death(in bytes: [UInt8]) -> Death? {
        guard case .ended(kernel, let death)? = try? KeeperReply(decoding: bytes) else { return nil }
        return death
    }
}
