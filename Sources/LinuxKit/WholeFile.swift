import Glibc

/// Files that are read and written whole.
public enum WholeFile {
    /// Reads a file to its end.
    public static func read(_ path: String) throws(SystemError) -> [UInt8] {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw SystemError("open", errno, on: path) }
        let file = OwnedDescriptor(adopting: raw)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file.number, &buffer, buffer.count)
            guard count >= 0 else { throw SystemError("read", errno, on: path) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Writes a file whole or not at all: a new file takes the old one's place.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(SystemError) {
        let temporary = "\(path).husk-\(getpid())"
        // Nobody else's file: it would be theirs to read.
        unlink(temporary)
        let raw = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard raw >= 0 else { throw SystemError("open", errno, on: path) }
        let file = OwnedDescriptor(adopting: raw)
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { source in
                source.baseAddress.map { Glibc.write(file.number, $0 + offset, bytes.count - offset) } ?? 0
            }
            guard count > 0 else {
                let code = errno
                unlink(temporary)
                throw SystemError("write", code, on: path)
            }
            offset += count
        }
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw SystemError("rename", code, on: path)
        }
    }
}
