import CLinux
import Glibc

/// A folder whose content somebody else has made: whatever links are in it, no path leads out of it.
public struct RootedDirectory: ~Copyable, Sendable {
    /// What is at a path.
    public enum Kind: Hashable, Sendable {
        /// A folder.
        case directory
        /// A file with content.
        case file
        /// A symbolic link.
        case link
        /// A device, a pipe, a socket.
        case other
    }

    private let root: OwnedDescriptor

    /// Opens the folder, by a path that is trusted.
    public init(_ path: String) throws(SystemError) {
        root = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), on: path))
    }

    /// Opens a place in it, with links followed inside of it only. The descriptor is for calls that take a place.
    public func place(_ path: String, followingLinks: Bool = false) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            adopting: try SystemError.check(
                "openat2", clinux_open_in_root(root.number, path, false, followingLinks), on: path))
    }

    /// What is at a path without links; nil when there is nothing, or a link on the way.
    public func kind(_ path: String) -> Kind? {
        let (parent, name) = RootedDirectory.split(path)
        guard let folder = try? place(parent) else { return nil }
        var status = stat()
        guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .directory
        case S_IFREG: return .file
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// Whether a program is at a path, links inside followed.
    public func hasProgram(_ path: String) -> Bool {
        guard let place = try? place(path, followingLinks: true) else { return false }
        var status = stat()
        return fstat(place.number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o111 != 0
    }

    /// The names in a folder.
    public func entries(_ path: String) -> [String] {
        guard let folder = try? place(path) else { return [] }
        return Directory.entries("/proc/self/fd/\(folder.number)")
    }

    /// Where a link points.
    public func destination(_ path: String) -> String? {
        let (parent, name) = RootedDirectory.split(path)
        guard let folder = try? place(parent) else { return nil }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(folder.number, name, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// The bytes of a file of at most `limit`; nil when it is longer, no file, or not readable.
    public func contents(_ path: String, limit: Int) -> [UInt8]? {
        let raw = clinux_open_in_root(root.number, path, true, false)
        guard raw >= 0 else { return nil }
        let file = OwnedDescriptor(adopting: raw)
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count <= limit {
            let more = pread(file.number, &bytes[count], bytes.count - count, off_t(count))
            if more < 0 { return nil }
            if more == 0 { return Array(bytes[..<count]) }
            count += more
        }
        return nil
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        // Of bytes: what combines with a slash makes another character of it, and no other path.
        let bytes = path.utf8
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let parent = String(decoding: bytes[..<slash], as: UTF8.self)
        return (parent.isEmpty ? "." : parent, String(decoding: bytes[bytes.index(after: slash)...], as: UTF8.self))
    }
}
