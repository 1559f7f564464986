import Glibc
import LinuxKit

/// The file of a section: read as a whole, and written so that whoever reads has the old bytes or the new ones.
enum SectionFile {
    /// The bytes of a file of at most `limit`; nil when there is none.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        let raw = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard raw >= 0 else { return nil }
        let file = OwnedDescriptor(adopting: raw)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = Glibc.read(file.number, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
        return nil
    }

    static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let temporary = "\(path).new"
        // What is left of a process that was killed.
        unlink(temporary)
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "open", open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600), on: path))
        do {
            var offset = 0
            while offset < bytes.count {
                let count = bytes[offset...].withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
                offset += Int(try SystemError.checkErrno("write", Int32(clamping: count), on: path))
            }
            try SystemError.checkErrno("fsync", fsync(file.number), on: path)
            try SystemError.checkErrno("rename", rename(temporary, path), on: path)
        } catch {
            unlink(temporary)
            throw error
        }
    }
}
