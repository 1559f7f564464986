import Glibc
import LinuxKit

/// Small file system steps, each a clear error when it fails.
enum Paths {
    /// Makes a directory and those above it, owned by the caller, mode 0755.
    static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        var position = path.startIndex
        while position < path.endIndex {
            let next = path[path.index(after: position)...].firstIndex(of: "/") ?? path.endIndex
            let prefix = String(path[..<next])
            if mkdir(prefix, next == path.endIndex ? mode : 0o755) < 0, errno != EEXIST {
                throw SystemError("mkdir", errno, on: prefix)
            }
            position = next
        }
    }

    /// Makes `path` a mount point of the same kind as what is to be mounted there.
    static func makeMountPoint(_ path: String, directory: Bool) throws(SystemError) {
        if directory { return try makeDirectories(path) }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeDirectories(String(path[..<slash]))
        }
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw SystemError("create", errno, on: path) }
        close(file)
    }

    /// Writes a new file of a few bytes.
    static func write(_ text: String, to path: String) throws(SystemError) {
        try write(Array(text.utf8), to: path)
    }

    /// Writes a new file of a few bytes.
    static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(SystemError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw SystemError("open", errno, on: path) }
        defer { close(file) }
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw SystemError("write", errno, on: path) }
    }

    /// The bytes of a file of at most 16 MiB; nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < 16 << 20 {
            let count = Glibc.read(file, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes.append(contentsOf: buffer[..<count])
        }
        return nil
    }

    /// A file as text; nil when it cannot be read.
    static func text(_ path: String) -> String? {
        read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What a path is, without following a last link; nil when there is nothing.
    static func kind(_ path: String, followLinks: Bool = true) -> Kind? {
        var status = stat()
        guard (followLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        return Kind(
            isDirectory: status.st_mode & S_IFMT == S_IFDIR, isLink: status.st_mode & S_IFMT == S_IFLNK,
            owner: status.st_uid, group: status.st_gid)
    }

    /// Where a symbolic link points.
    static func destination(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { raw in
            raw.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { readlink(path, $0, 4096) } ?? -1 }
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// The facts of a path that matter here.
    struct Kind {
        var isDirectory: Bool
        var isLink: Bool
        var owner: UInt32
        var group: UInt32
    }
}
