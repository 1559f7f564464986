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

    /// Removes a folder and everything in it, without following links.
    public static func removeTree(_ path: String) {
        for name in entries(path) {
            let child = "\(path)/\(name)"
            if unlink(child) < 0, errno == EISDIR || errno == EPERM { removeTree(child) }
        }
        rmdir(path)
    }
}
