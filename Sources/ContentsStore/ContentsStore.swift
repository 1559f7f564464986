import Glibc
import JupyterProtocol
public import JupyterServerAPI
public import LinuxKit
import NotebookFormat

/// The files and folders below a root, as `/api/contents` gives and takes them (Jupyter Server, "Contents API").
///
/// Code in a sandbox may write to the same folders. Whatever links it puts there, and whenever, no path leads out of
/// the root: what is outside is not there (404). Paths and bodies are those of requests; every failure has the status
/// and the message that Jupyter Server gives, with the path below the root where that one shows the machine's.
public final class ContentsStore: Sendable {
    /// Whether names with a dot in front are shown and taken.
    public let allowsHidden: Bool
    /// Whether a folder may be deleted with what is in it; a browser asks its user first.
    public let deletesFullFolders: Bool

    let root: RootedDirectory
    let trust = NotebookTrust()
    let largestFile: Int

    /// Opens the folder, by a path that is trusted.
    ///
    /// - Parameter largestFile: bytes of a file that are read at most, and of all files of a folder that is copied:
    ///   they are in memory at once.
    public init(
        root path: String, allowsHidden: Bool = false, deletesFullFolders: Bool = true, largestFile: Int = 1 << 28
    ) throws(SystemError) {
        root = try RootedDirectory(path)
        self.allowsHidden = allowsHidden
        self.deletesFullFolders = deletesFullFolders
        self.largestFile = largestFile
    }

    /// `GET`: status 200.
    public func get(_ path: String, _ query: ContentsQuery = ContentsQuery()) throws(APIError) -> ContentsModel {
        let place = try ContentsPath(path)
        do { return try model(place, query) } catch {
            guard error.status == 404 else { throw error }
            throw APIError(404, "file or directory \(place.quoted) does not exist")
        }
    }

    /// `POST`: makes an entry in a folder, and chooses its name. Status 201.
    ///
    /// - Parameter body: empty or `{}` for an empty file; `type` and `ext` say what it is; `copy_from` is the path of
    ///   what it shall be a copy of.
    public func post(_ path: String, body: [UInt8]) throws(APIError) -> ContentsModel {
        let folder = try ContentsPath(path)
        if let found = Found(folder, in: root), found.kind != .folder {
            throw APIError(400, "Cannot POST to files, use PUT instead.")
        }
        let members = try RequestBody.members(body) ?? [:]
        if let source = try RequestBody.text("copy_from", of: members), !source.isEmpty {
            let origin = try ContentsPath(source)
            guard !isHidden(folder), !isHidden(origin) else {
                throw APIError(400, "Cannot copy file or directory \(folder.quoted)")
            }
            return try copy(origin, to: folder)
        }
        return try makeUntitled(in: folder, members)
    }

    /// `PUT`: saves a file, a notebook or a folder under a name. Status 201 for a new one, else 200.
    public func put(_ path: String, body: [UInt8]) throws(APIError) -> (model: ContentsModel, isNew: Bool) {
        let place = try ContentsPath(path)
        guard let members = try RequestBody.members(body), !members.isEmpty else {
            return (try makeUntitled(in: place, [:]), true)
        }
        if let source = members["copy_from"], source != .null, source != "" {
            throw APIError(400, "Cannot copy with PUT, only POST")
        }
        // A client that has read a model sends it back whole. Its path is not where this is saved, but may not say that
        // it should be hidden.
        if let said = try RequestBody.text("path", of: members) {
            guard !isHidden(try ContentsPath(said)) else {
                throw APIError(400, "Cannot create file or directory \(place.quoted)")
            }
        }
        var isNew = true
        if let found = Found(place, in: root), found.kind == .file { isNew = false }
        let saved = try SavedContents(members, path: place, isNew: isNew)
        guard saved.kind == .directory || !JSONText.hasLoneSurrogate(body) else {
            throw APIError(400, "Encoding error saving \(place.text): half of a surrogate pair is no text in UTF-8")
        }
        return (try save(saved, at: place), isNew)
    }

    /// `PATCH`: gives an entry another path. Status 200.
    public func patch(_ path: String, body: [UInt8]) throws(APIError) -> ContentsModel {
        guard let members = try RequestBody.members(body) else { throw APIError(400, "JSON body missing") }
        let old = try ContentsPath(path)
        let new =
            try RequestBody.text("path", of: members).map { text throws(APIError) in try ContentsPath(text) } ?? old
        guard !isHidden(old), !isHidden(new) else {
            throw APIError(400, "Cannot rename file or directory \(old.quoted)")
        }
        if !old.isSame(as: new) { try rename(old, to: new) }
        return try model(new, ContentsQuery(hasContent: false))
    }

    /// `DELETE`: removes an entry for good, and its checkpoints. Status 204.
    public func delete(_ path: String) throws(APIError) {
        let place = try ContentsPath(path)
        guard !isHidden(place) else {
            throw APIError(400, "Cannot delete file or directory \(place.quoted)")
        }
        guard !place.isRoot else { throw APIError(400, "Can't delete root") }
        guard let found = Found(place, in: root) else {
            throw APIError(404, "File or directory does not exist: \(place.text)")
        }
        let entry = try entry(place)
        let isLink = entry.kind == S_IFLNK
        guard isLink || found.isWritable else { throw APIError(403, "Permission denied: \(place.text)") }
        if !isLink, found.kind == .folder, !deletesFullFolders,
            !Set(found.names).isSubset(of: [ContentsStore.checkpointFolder])
        {
            throw APIError(400, "Directory \(place.text) not empty")
        }
        do { try entry.removeTree() } catch {
            throw ContentsStore.error(error, place) { "Unexpected error while deleting file: \(place.text) \($0)" }
        }
        try? deleteCheckpoint(ContentsStore.checkpointID, of: path)
    }

    /// A file, for `GET /files/{path}`. Throws 404, 403 for what is no file, and 413 for more than can be read.
    ///
    /// - Parameter wanted: decides, by what is known without them, which of its bytes are read.
    public func file(
        _ path: String, _ wanted: (StoredFile) -> Range<Int64> = { 0..<$0.size }
    ) throws(APIError) -> StoredFile {
        let place = try ContentsPath(path)
        guard !isHidden(place), let found = Found(place, in: root) else { throw ContentsStore.missing(place) }
        guard found.kind == .file else { throw APIError(403, "\(place.text) is not a file") }
        var file = StoredFile(
            name: place.name, size: found.size, modified: found.modified, mediaType: MediaType.of(place.name))
        let part = wanted(file)
        file.bytes = part == 0..<found.size ? try bytes(of: found, place) : try bytes(part, of: found, place)
        return file
    }

    /// The folder that a document's kernel starts in, as a path without links below the root; empty for the root.
    ///
    /// Of a path that is not there it is the last folder that is.
    public func folder(of path: String) -> String {
        guard let place = try? ContentsPath(path) else { return "" }
        // Below what is no folder there is none: halving finds the last one of two thousand names in eleven looks.
        var isThere = 0
        var isNot = place.names.count + 1
        var folder = ""
        while isNot - isThere > 1 {
            let count = (isThere + isNot) / 2
            let above = ContentsPath(names: Array(place.names.prefix(count)))
            if let found = Found(above, in: root), found.kind == .folder, let own = found.canonicalPath(in: root) {
                isThere = count
                folder = own.text
            } else {
                isNot = count
            }
        }
        return folder
    }
}
