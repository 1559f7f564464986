import Glibc
import JupyterServerAPI
import LinuxKit

extension ContentsStore {
    /// Copies a file or a folder into a folder, under a name that is free; or a file to a path. The folders that are
    /// missing on the way to a folder's copy are made, those on the way to a file's are not, as with Jupyter Server.
    func copy(_ source: ContentsPath, to destination: ContentsPath) throws(APIError) -> ContentsModel {
        guard let found = Found(source, in: root) else { throw ContentsStore.missing(source) }
        let name = ContentsStore.originalName(source.name)
        let path: ContentsPath
        switch found.kind {
        case .folder: path = try copyFolder(source, found, named: name, to: destination)
        case .file:
            let bytes = try bytes(of: found, source)
            if isFolder(destination) {
                path = try makeNew(name, in: destination, insert: "-Copy") { entry throws(SystemError) in
                    try entry.create(bytes)
                }
            } else {
                guard isFolder(destination.parent) else {
                    throw APIError(404, "No such parent directory: \(destination.parent.text) to copy file in")
                }
                try write(bytes, to: destination)
                path = destination
            }
        case .other: throw APIError(400, "Cannot read non-file \(source.text)")
        }
        return try model(path, ContentsQuery(hasContent: false))
    }

    private func isFolder(_ path: ContentsPath) -> Bool {
        guard let found = Found(path, in: root) else { return false }
        return found.kind == .folder
    }

    private func copyFolder(
        _ source: ContentsPath, _ found: borrowing Found, named name: String, to destination: ContentsPath
    ) throws(APIError) -> ContentsPath {
        let refusal = APIError(400, "Can't copy '\(source.text)' into Folder '\(destination.text)'")
        var there = destination
        while !there.isRoot, !isFolder(there) { there = there.parent }
        // A folder within itself has no end.
        guard let own = found.canonicalPath(in: root), let folder = Found(there, in: root),
            let target = folder.canonicalPath(in: root), !target.names.starts(with: own.names)
        else { throw refusal }
        var left = largestFile
        try measure(own, depth: ContentsStore.copyDepth, &left, source)
        for count in there.names.count..<destination.names.count {
            let path = ContentsPath(names: Array(destination.names[...count]))
            do { try entry(path).makeFolder() } catch {
                // Somebody else may just have made it; a link that leads nowhere has its name, too.
                guard isFolder(path) else { throw refusal }
            }
        }
        let path = try makeNew(name, in: destination, insert: "-Copy") { entry throws(SystemError) in
            try entry.makeFolder()
        }
        try copyEntries(of: own, to: path, depth: ContentsStore.copyDepth)
        return path
    }

    private static let copyDepth = 64

    /// Takes the lengths of a folder's files from what is left. Throws 400 when that is not enough.
    private func measure(
        _ folder: ContentsPath, depth: Int, _ left: inout Int, _ source: ContentsPath
    ) throws(APIError) {
        guard let found = Found(folder, in: root, followingLinks: false), found.kind == .folder else { return }
        for name in found.names {
            let path = folder.appending(name)
            guard let child = Found(path, in: root, followingLinks: false) else { continue }
            switch child.kind {
            case .file: left -= Int(child.size)
            case .folder where depth > 0: try measure(path, depth: depth - 1, &left, source)
            case .folder, .other: break
            }
            guard left >= 0, depth > 0 else {
                throw APIError(
                    400, "Can't copy folders larger than \(largestFile / 1_048_576)MB, \"\(source.text)\" is larger")
            }
        }
    }

    /// Copies files and folders; links, pipes and the like are left out.
    private func copyEntries(of source: ContentsPath, to destination: ContentsPath, depth: Int) throws(APIError) {
        guard depth > 0, let found = Found(source, in: root, followingLinks: false) else { return }
        for name in found.names {
            let path = source.appending(name)
            guard let child = Found(path, in: root, followingLinks: false) else { continue }
            let copy = destination.appending(name)
            let entry = try entry(copy)
            do {
                switch child.kind {
                case .file: try entry.create(try bytes(of: child, path))
                case .folder:
                    try entry.makeFolder()
                    try copyEntries(of: path, to: copy, depth: depth - 1)
                case .other: break
                }
            } catch let error as APIError { throw error } catch {
                throw APIError(400, "Can't copy '\(path.text)' into Folder '\(destination.text)'")
            }
        }
    }

    /// The name without the `-Copy1` that an earlier copy was given.
    private static func originalName(_ name: String) -> String {
        name.replacing(/-Copy[0-9]*\./, with: ".")
    }
}
