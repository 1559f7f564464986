import Glibc
import LinuxKit

/// Paths and folders, for commands.
enum Files {
    static func makeDirectories(_ path: String) throws(SystemError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path.contains("/") else { throw SystemError("mkdir", errno, on: path) }
        try makeDirectories(parent(path))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw SystemError("mkdir", errno, on: path) }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether there is a file that another one can take the place of, and no pipe or device.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The path without links; nil when there is nothing.
    static func resolved(_ path: String) -> String? {
        guard let raw = realpath(path, nil) else { return nil }
        defer { free(raw) }
        return String(cString: raw)
    }

    /// The paths by which links lead from a path to its end, itself first: those of its last part.
    static func way(of path: String) -> [String] {
        var way = [path]
        // As many as the kernel follows (path_resolution(7)).
        while way.count <= 40, let last = way.last, let next = link(at: last) {
            way.append(absolute(next.hasPrefix("/") ? next : "\(parent(last))/\(next)"))
        }
        return way
    }

    private static func link(at path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    static var currentDirectory: String { resolved(".") ?? "/" }

    /// The path made absolute and free of `.`, `..` and doubled slashes, without looking at links.
    static func absolute(_ path: String) -> String {
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : "\(currentDirectory)/\(path)").split(separator: "/") {
            switch part {
            case ".": continue
            case "..": parts = parts.dropLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func name(_ path: String) -> String {
        String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    }
}
