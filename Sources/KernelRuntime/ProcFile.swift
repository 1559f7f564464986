import Glibc
import LinuxKit

/// A file of the kernel's making, which says something new each time it is read from its beginning.
///
/// It is read before every reply, so it is scanned as bytes, without a text being made of it.
final class ProcFile {
    private let file: OwnedDescriptor

    /// Opens it; nil when there is none.
    init?(_ path: String, _ flags: Int32 = O_RDONLY) {
        let number = open(path, flags | O_CLOEXEC)
        guard number >= 0 else { return nil }
        file = OwnedDescriptor(adopting: number)
    }

    /// What it says, at most 4 KiB; nothing when it cannot be read any more.
    func read<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer in
            let count = pread(file.number, buffer.baseAddress, buffer.count, 0)
            return body(UnsafeBufferPointer(rebasing: buffer[..<max(0, count)]))
        }
    }

    /// The number that it consists of.
    var number: UInt64? {
        read { ProcFile.number(in: $0[...]) }
    }

    /// The number behind each of these names in its lines of names and numbers; 0 for a missing one.
    func members(_ names: [StaticString]) -> [UInt64] {
        read { bytes in
            var values = [UInt64](repeating: 0, count: names.count)
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                for (index, name) in names.enumerated() {
                    let prefix = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
                    guard line.starts(with: prefix) else { continue }
                    values[index] = ProcFile.number(in: line.dropFirst(prefix.count)) ?? 0
                }
            }
            return values
        }
    }

    /// The first number in some bytes, with nothing but blanks before it.
    private static func number(in bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var value: UInt64?
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = (value ?? 0) &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                if value != nil { return value }
            default: return value
            }
        }
        return value
    }

    /// Writes to it.
    func write(_ text: StaticString) {
        _ = pwrite(file.number, text.utf8Start, text.utf8CodeUnitCount, 0)
    }
}
