import Glibc
import LinuxKit

/// Something that is there, found with links followed below the root only. It stays what it is, wherever its path
/// leads later.
struct Found: ~Copyable {
    enum Kind {
        case folder, file, other
    }

    /// For calls that take a place.
    let place: OwnedDescriptor
    let kind: Kind
    private let status: stat

    /// Nil when nothing is there, or it cannot be reached.
    init?(_ path: ContentsPath, in root: borrowing RootedDirectory, followingLinks: Bool = true) {
        guard let place = try? root.place(path.relative, followingLinks: followingLinks) else { return nil }
        var status = stat()
        guard fstat(place.number, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: kind = .folder
        case S_IFREG: kind = .file
        default: kind = .other
        }
        self.status = status
        self.place = place
    }

    /// A path that only this process can use, for calls that take one.
    var path: String { "/proc/self/fd/\(place.number)" }
    var size: Int64 { Int64(status.st_size) }
    var mode: mode_t { status.st_mode & 0o7777 }
    var owner: (uid_t, gid_t) { (status.st_uid, status.st_gid) }
    var isWritable: Bool { access(path, W_OK) == 0 }
    /// Whether a folder's names may be read, and what is behind them.
    var isListable: Bool { access(path, R_OK | X_OK) == 0 }
    var created: Int64 { Found.microseconds(status.st_ctim) }
    var modified: Int64 { Found.microseconds(status.st_mtim) }

    func isSame(as other: borrowing Found) -> Bool {
        status.st_dev == other.status.st_dev && status.st_ino == other.status.st_ino
    }

    /// The names in a folder.
    var names: [String] { Directory.entries(path) }

    /// The bytes of a file; nil when they are more than `limit`.
    func bytes(limit: Int) throws(SystemError) -> [UInt8]? {
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)))
        guard size <= limit else { return nil }
        // The length is what it was: a file may grow, and those of /proc and the like have none.
        var bytes = [UInt8](repeating: 0, count: Int(size) + 1)
        var count = 0
        while true {
            let more = bytes.withUnsafeMutableBytes { buffer in
                read(file.number, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            }
            if more < 0, errno == EINTR { continue }
            try SystemError.checkErrno("read", Int32(clamping: more))
            count += more
            if more == 0 { return Array(bytes[..<count]) }
            guard count <= limit else { return nil }
            if count == bytes.count { bytes.append(contentsOf: [UInt8](repeating: 0, count: count)) }
        }
    }

    /// Some bytes of a file; fewer when it ends before.
    func bytes(in part: Range<Int64>) throws(SystemError) -> [UInt8] {
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)))
        var bytes = [UInt8](repeating: 0, count: part.count)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    file.number, buffer.baseAddress.map { $0 + count }, buffer.count - count,
                    off_t(part.lowerBound) + off_t(count))
            }
            if more < 0, errno == EINTR { continue }
            try SystemError.checkErrno("pread", Int32(clamping: more))
            if more == 0 { break }
            count += more
        }
        return Array(bytes[..<count])
    }

    /// Where it is by names without links; nil when that is outside of the root.
    func canonicalPath(in root: borrowing RootedDirectory) -> ContentsPath? {
        guard let top = try? root.place("."), let topPath = Found.link(top.number), let own = Found.link(place.number)
        else { return nil }
        if own == topPath { return .root }
        let prefix = topPath == "/" ? "/" : topPath + "/"
        guard own.utf8.starts(with: prefix.utf8) else { return nil }
        return try? ContentsPath(String(decoding: own.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
    }

    private static func link(_ descriptor: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(validating: buffer[..<count], as: UTF8.self)
    }

    /// A time beyond the years that dates are written with, which anybody can give to a file, is 1970.
    private static func microseconds(_ time: timespec) -> Int64 {
        let years = Int64(-62_135_596_800)...253_402_300_799
        return years.contains(Int64(time.tv_sec)) ? Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000 : 0
    }
}
