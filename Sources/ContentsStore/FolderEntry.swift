import CLinux
import Glibc
import LinuxKit

/// A name in an open folder: what is done to it happens there, wherever the folder's path leads by then.
struct FolderEntry: ~Copyable {
    let folder: OwnedDescriptor
    let name: String

    /// Whether there is anything with the name, a link to nowhere too.
    var kind: mode_t? {
        var status = stat()
        return fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mode & S_IFMT : nil
    }

    /// Puts bytes in the place of what has the name, at once: whoever reads has the old ones or the new ones.
    ///
    /// The new file has the mode and owner of the old one; without an old one, and as root, the folder's owner, so
    /// that its user can go on with it.
    func replace(with bytes: [UInt8]) throws(SystemError) {
        let temporary = ".~\(Hexadecimal.random(digits: 16))"
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "openat", openat(folder.number, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666),
                on: name))
        do {
            try FolderEntry.write(bytes, to: file)
            try inherit(file)
            try SystemError.checkErrno("fsync", fsync(file.number), on: name)
            try SystemError.checkErrno(
                "renameat", renameat(folder.number, temporary, folder.number, name), on: name)
        } catch {
            _ = unlinkat(folder.number, temporary, 0)
            throw error
        }
    }

    /// Writes a file that must be new.
    func create(_ bytes: [UInt8]) throws(SystemError) {
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "openat", openat(folder.number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666),
                on: name))
        try FolderEntry.write(bytes, to: file)
        try inheritFolder(file)
    }

    /// Writes behind what a file has; without a file it is a new one.
    func append(_ bytes: [UInt8]) throws(SystemError) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let isNew = kind == nil
        let file = OwnedDescriptor(
            adopting: try SystemError.checkErrno("openat", openat(folder.number, name, flags, 0o666), on: name))
        var status = stat()
        try SystemError.checkErrno("fstat", fstat(file.number, &status), on: name)
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("openat", EINVAL, on: name) }
        try FolderEntry.write(bytes, to: file)
        if isNew { try inheritFolder(file) }
    }

    /// Makes a folder that must be new.
    func makeFolder() throws(SystemError) {
        try SystemError.checkErrno("mkdirat", mkdirat(folder.number, name, 0o777), on: name)
        if geteuid() == 0 {
            var status = stat()
            try SystemError.checkErrno("fstat", fstat(folder.number, &status), on: name)
            _ = fchownat(folder.number, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Opens a folder; a link is none.
    func openFolder() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "openat", openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), on: name))
    }

    /// Gives it another name, which must be new.
    func rename(to other: borrowing FolderEntry) throws(SystemError) {
        try SystemError.check(
            "renameat2", clinux_rename_new(folder.number, name, other.folder.number, other.name), on: other.name)
    }

    /// Gives it the name of something else, which is gone then.
    func takePlace(of other: borrowing FolderEntry) throws(SystemError) {
        try SystemError.checkErrno(
            "renameat", renameat(folder.number, name, other.folder.number, other.name), on: other.name)
    }

    /// Removes a file, or a link and not what it leads to.
    func unlink() throws(SystemError) {
        try SystemError.checkErrno("unlinkat", unlinkat(folder.number, name, 0), on: name)
    }

    /// Removes a folder with everything in it, without following links. `depth` levels are enough for everybody but
    /// who wants descriptors to run out.
    func removeTree(depth: Int = 256) throws(SystemError) {
        guard kind == S_IFDIR else { return try unlink() }
        guard depth > 0 else { throw SystemError("openat", ELOOP, on: name) }
        let inner = try openFolder()
        for child in Directory.entries("/proc/self/fd/\(inner.number)") {
            try FolderEntry(folder: try inner.duplicate(), name: child).removeTree(depth: depth - 1)
        }
        try SystemError.checkErrno("unlinkat", unlinkat(folder.number, name, AT_REMOVEDIR), on: name)
    }

    private static func write(_ bytes: [UInt8], to file: borrowing OwnedDescriptor) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(file.number, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            try SystemError.checkErrno("write", Int32(clamping: count))
            done += count
        }
    }

    /// Gives a new file the mode and owner of the one with the name.
    private func inherit(_ file: borrowing OwnedDescriptor) throws(SystemError) {
        var old = stat()
        guard fstatat(folder.number, name, &old, AT_SYMLINK_NOFOLLOW) == 0, old.st_mode & S_IFMT == S_IFREG else {
            return try inheritFolder(file)
        }
        // An ordinary user cannot give files away; that is no reason not to write them.
        _ = fchown(file.number, old.st_uid, old.st_gid)
        try SystemError.checkErrno("fchmod", fchmod(file.number, old.st_mode & 0o777), on: name)
    }

    private func inheritFolder(_ file: borrowing OwnedDescriptor) throws(SystemError) {
        guard geteuid() == 0 else { return }
        var status = stat()
        try SystemError.checkErrno("fstat", fstat(folder.number, &status), on: name)
        _ = fchown(file.number, status.st_uid, status.st_gid)
    }
}
