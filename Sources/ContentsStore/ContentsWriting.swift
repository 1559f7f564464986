import Glibc
import JupyterProtocol
import JupyterServerAPI
import LinuxKit
import NotebookFormat

extension ContentsStore {
    /// The name of a path in its folder, with links to the folder followed.
    func entry(_ path: ContentsPath, followingLinks: Bool = true) throws(APIError) -> FolderEntry {
        do {
            return FolderEntry(
                folder: try root.place(path.parent.relative, followingLinks: followingLinks), name: path.name)
        } catch {
            // What a link out of the root leads to is not there, and nothing of it is missing either.
            if error.errno == ENOENT, endsAtLink(path.parent) { throw ContentsStore.missing(path) }
            throw ContentsStore.error(error, path) { "Unexpected error while saving file: \(path.text) \($0)" }
        }
    }

    /// Whether a path that is not there ends at a link, which leads nowhere or out of the root.
    private func endsAtLink(_ path: ContentsPath) -> Bool {
        // Below what is not there nothing is: halving finds the first such name.
        var isThere = 0
        var isNot = path.names.count
        while isNot - isThere > 1 {
            let count = (isThere + isNot) / 2
            let above = ContentsPath(names: Array(path.names.prefix(count)))
            if Found(above, in: root) == nil { isNot = count } else { isThere = count }
        }
        let end = ContentsPath(names: Array(path.names.prefix(isNot)))
        guard !end.isRoot, let folder = try? root.place(end.parent.relative, followingLinks: true) else { return false }
        return FolderEntry(folder: folder, name: end.name).kind == S_IFLNK
    }

    /// The same of what a link leads to, so that a file is written and not the link.
    private func target(_ path: ContentsPath) throws(APIError) -> FolderEntry {
        let entry = try entry(path)
        guard entry.kind == S_IFLNK else { return entry }
        guard let found = Found(path, in: root), let own = found.canonicalPath(in: root), !own.isRoot,
            !isHidden(own)
        else { throw ContentsStore.missing(path) }
        return try self.entry(own, followingLinks: false)
    }

    /// Saves what a `PUT` brings.
    func save(_ saved: SavedContents, at path: ContentsPath) throws(APIError) -> ContentsModel {
        guard !isHidden(path) else {
            throw APIError(400, "Cannot create file or directory \(path.quoted)")
        }
        var message: String?
        switch saved.kind {
        case .directory: try saveFolder(path)
        case .notebook:
            let notebook = try ContentsStore.notebook(saved)
            try write(notebook.encoded(), to: path)
            trust.noteSaved(notebook.joined)
            message = ContentsStore.message(notebook)
            // Jupyter Server always has one, so that a client can go back to how it found a notebook.
            if try checkpoints(of: path.text).isEmpty { _ = try createCheckpoint(of: path.text) }
        case .file:
            let bytes = try saved.bytes(path: path)
            if let chunk = saved.chunk, chunk != 1 {
                try change(path) { entry throws(SystemError) in try entry.append(bytes) }
            } else {
                try write(bytes, to: path)
            }
        }
        var model = try model(path, ContentsQuery(hasContent: false))
        model.message = message
        return model
    }

    private func saveFolder(_ path: ContentsPath) throws(APIError) {
        if let found = Found(path, in: root) {
            guard found.kind == .folder else { throw APIError(400, "Not a directory: \(path.text)") }
            return
        }
        try change(path) { entry throws(SystemError) in try entry.makeFolder() }
    }

    func write(_ bytes: [UInt8], to path: ContentsPath) throws(APIError) {
        if let found = Found(path, in: root) {
            guard found.kind == .file else {
                throw ContentsStore.error(SystemError("open", EISDIR), path) {
                    "Unexpected error while saving file: \(path.text) \($0)"
                }
            }
            guard found.isWritable else { throw APIError(403, "Permission denied: \(path.text)") }
        }
        try change(path) { entry throws(SystemError) in try entry.replace(with: bytes) }
    }

    private func change(
        _ path: ContentsPath, _ body: (borrowing FolderEntry) throws(SystemError) -> Void
    ) throws(APIError) {
        guard !path.isRoot else { throw APIError(400, "Cannot create file or directory \(path.quoted)") }
        let entry = try target(path)
        do { try body(entry) } catch {
            throw ContentsStore.error(error, path) { "Unexpected error while saving file: \(path.text) \($0)" }
        }
    }

    private static func notebook(_ saved: SavedContents) throws(APIError) -> NotebookDocument {
        do { return try NotebookDocument(saved.content ?? .null) } catch {
            throw APIError(400, "Notebook validation failed: \(error)")
        }
    }

    /// Makes an empty entry with a name that is free.
    func makeUntitled(in folder: ContentsPath, _ members: [String: JSONValue]) throws(APIError) -> ContentsModel {
        guard let found = Found(folder, in: root), found.kind == .folder else {
            throw APIError(404, "No such directory: \(folder.text)")
        }
        guard !isHidden(folder) else {
            throw APIError(400, "Cannot create file or directory \(folder.quoted)")
        }
        let ending = try RequestBody.text("ext", of: members) ?? ""
        guard !ending.utf8.contains(UInt8(ascii: "/")), !ending.utf8.contains(0) else {
            throw APIError(400, "Unexpected file extension: \(PythonText.quoted(ending))")
        }
        let type = try RequestBody.text("type", of: members) ?? ""
        let kind =
            type.isEmpty
            ? (ending == ".ipynb" ? .notebook : .file) : ContentsQuery.Kind(rawValue: type) ?? .file
        let empty = SavedContents(empty: kind)
        let path: ContentsPath
        switch kind {
        case .directory:
            path = try makeNew("Untitled Folder", in: folder, insert: " ") { entry throws(SystemError) in
                try entry.makeFolder()
            }
        case .notebook:
            let bytes = try ContentsStore.notebook(empty).encoded()
            path = try makeNew("Untitled.ipynb", in: folder) { entry throws(SystemError) in try entry.create(bytes) }
            _ = try createCheckpoint(of: path.text)
        case .file:
            path = try makeNew("untitled\(ending)", in: folder) { entry throws(SystemError) in try entry.create([]) }
        }
        return try model(path, ContentsQuery(hasContent: false))
    }

    /// Makes an entry under a name, or under the first one with a number that is free.
    ///
    /// - Parameter insert: what stands before the number, which stands before the first dot, or before `.ipynb`.
    func makeNew(
        _ name: String, in folder: ContentsPath, insert: String = "",
        _ make: (borrowing FolderEntry) throws(SystemError) -> Void
    ) throws(APIError) -> ContentsPath {
        let dot = name.hasSuffix(".ipynb") ? name.lastIndex(of: ".") : name.firstIndex(of: ".")
        let base = name[..<(dot ?? name.endIndex)]
        let ending = name[(dot ?? name.endIndex)...]
        for number in 0..<10_000 {
            let path = folder.appending(number == 0 ? name : "\(base)\(insert)\(number)\(ending)")
            let entry = try entry(path)
            guard entry.kind == nil else { continue }
            do {
                try make(entry)
                return path
            } catch {
                // Somebody else has just taken it.
                if error.errno == EEXIST { continue }
                throw ContentsStore.error(error, path) { "Unexpected error while saving file: \(path.text) \($0)" }
            }
        }
        throw APIError(500, "No free name for \(name)")
    }

    func rename(_ old: ContentsPath, to new: ContentsPath) throws(APIError) {
        guard !old.isRoot else { throw APIError(400, "Cannot rename file or directory ''") }
        let gone = APIError(404, "File or directory does not exist: \(old.text)")
        guard let source = Found(old, in: root) else { throw gone }
        var isSame = false
        if let taken = Found(new, in: root) {
            isSame = taken.isSame(as: source)
            guard isSame else { throw APIError(409, "File already exists: \(new.text)") }
        }
        guard let parent = Found(new.parent, in: root), parent.kind == .folder else {
            throw APIError(
                404, "Cannot rename \(old.text) to \(new.text): there is no folder \(new.parent.text)")
        }
        let from = try entry(old)
        let to = try entry(new)
        do {
            if isSame { try from.takePlace(of: to) } else { try from.rename(to: to) }
        } catch {
            switch error.errno {
            case EEXIST: throw APIError(409, "File already exists: \(new.text)")
            case ENOENT: throw gone
            default:
                throw ContentsStore.error(error, old) { "Unknown error renaming file: \(old.text) \($0)" }
            }
        }
        renameCheckpoint(of: old, to: new)
    }
}
