import Glibc
import LinuxKit

/// A file of the kernel's making, which says something new each time it is read from its beginning.
final class ProcFile {
    private let file: OwnedDescriptor

    /// Opens it; nil when there is none.
    init?(_ path: String, _ flags: Int32 = O_RDONLY) {
        let number = open(path, flags | O_CLOEXEC)
        guard number >= 0 else { return nil }
        file = OwnedDescriptor(adopting: number)
    }

    /// What it says, at most 4 KiB; nil when it cannot be read any more.
    var text: String? {
        let number = file.number
        let text = String(unsafeUninitializedCapacity: 4096) { max(0, pread(number, $0.baseAddress, 4096, 0)) }
        return text.isEmpty ? nil : text
    }

    /// The number that it consists of.
    var number: UInt64? {
        text.flatMap { UInt64($0.prefix { $0.isNumber }) }
    }

    /// Writes to it.
    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = pwrite(file.number, bytes, bytes.count, 0)
    }
}
