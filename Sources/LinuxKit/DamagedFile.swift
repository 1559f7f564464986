import Glibc

/// Files that are not as they were left. They may be all that somebody has of their work, so they get another name and
/// are never removed.
public enum DamagedFile {
    /// Why something is no file of ours: nil for a regular file, and for nothing at all.
    public static func reason(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return errno == ENOENT ? nil : SystemError.text(of: errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return nil
        case S_IFDIR: return "it is a folder"
        case S_IFLNK: return "it is a link"
        default: return "it is no regular file"
        }
    }

    /// Gives a file, a folder or a link a name that nothing has yet. Returns that name.
    @discardableResult
    public static func setAside(_ path: String) throws(SystemError) -> String {
        let name = unusedName(for: path)
        try SystemError.checkErrno("rename", rename(path, name), on: path)
        return name
    }

    /// `path.damaged-1`, or the first such name that nothing has.
    public static func unusedName(for path: String) -> String {
        var status = stat()
        var number = 1
        while lstat("\(path).damaged-\(number)", &status) == 0 { number += 1 }
        return "\(path).damaged-\(number)"
    }
}
