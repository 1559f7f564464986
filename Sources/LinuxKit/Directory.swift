import Glibc

/// Folders as wholes. What cannot be read is empty, and what cannot be removed stays.
public enum Directory {
    /// The names in a folder, without `.` and `..`, in order.
    public static func entries(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Why a folder is not the caller's alone, so that nobody could have put anything there; nil when it is.
    public static func reasonNotToTrust(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return SystemError.text(of: errno) }
        if status.st_mode & S_IFMT != S_IFDIR { return "it is not a folder" }
        if status.st_uid != geteuid() { return "it belongs to another user" }
        return status.st_mode & 0o022 == 0 ? nil : "others may write to it"
    }

    /// Removes a folder and everything in it, without following links.
    public static func removeTree(_ path: String) {
        if unlink(path) == 0 { return }
        for name in entries(path) {
            let child = "\(path)/\(name)"
            if unlink(child) < 0, errno == EISDIR || errno == EPERM { removeTree(child) }
        }
        rmdir(path)
    }
}
