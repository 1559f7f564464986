import Glibc
public import JupyterServerAPI
import LinuxKit
import NotebookFormat

extension ContentsStore {
    static let checkpointFolder = ".ipynb_checkpoints"
    static let checkpointID = "checkpoint"

    /// `GET …/checkpoints`: the file's checkpoints, of which there is one at most. Status 200.
    public func checkpoints(of path: String) throws(APIError) -> [Checkpoint] {
        let place = try checkpoint(ContentsStore.checkpointID, of: try ContentsPath(path))
        guard let found = Found(place, in: root, followingLinks: false), found.kind == .file else { return [] }
        return [Checkpoint(id: ContentsStore.checkpointID, lastModified: found.modified)]
    }

    /// `POST …/checkpoints`: keeps the file's content. Status 201.
    public func createCheckpoint(of path: String) throws(APIError) -> Checkpoint {
        let place = try ContentsPath(path)
        guard !isHidden(place), let found = Found(place, in: root) else { throw ContentsStore.missing(place) }
        guard found.kind == .file else { throw APIError(400, "Cannot read non-file \(place.text)") }
        let bytes = try bytes(of: found, place)
        let copy = try checkpoint(ContentsStore.checkpointID, of: place)
        do {
            let folder = try entry(copy.parent, followingLinks: false)
            if folder.kind == nil {
                do { try folder.makeFolder() } catch { if error.errno != EEXIST { throw error } }
            }
            try FolderEntry(folder: try folder.openFolder(), name: copy.name).replace(with: bytes)
        } catch let error as SystemError {
            throw ContentsStore.error(error, place) { "Unexpected error while saving checkpoint: \(place.text) \($0)" }
        } catch let error as APIError { throw error } catch { throw APIError(500) }
        guard let made = try checkpoints(of: path).first else { throw ContentsStore.missing(copy) }
        return made
    }

    /// `POST …/checkpoints/{id}`: gives the file the content that it had. Status 204.
    public func restoreCheckpoint(_ id: String, of path: String) throws(APIError) {
        let place = try ContentsPath(path)
        let copy = try checkpoint(id, of: place)
        guard !isHidden(place), let found = Found(copy, in: root, followingLinks: false), found.kind == .file else {
            throw ContentsStore.noCheckpoint(id, place)
        }
        try write(try bytes(of: found, copy), to: place)
    }

    /// `DELETE …/checkpoints/{id}`: forgets a checkpoint. Status 204.
    public func deleteCheckpoint(_ id: String, of path: String) throws(APIError) {
        let place = try ContentsPath(path)
        let copy = try checkpoint(id, of: place)
        guard !isHidden(place), let found = Found(copy, in: root, followingLinks: false), found.kind == .file else {
            throw ContentsStore.noCheckpoint(id, place)
        }
        let entry = try entry(copy, followingLinks: false)
        do { try entry.unlink() } catch {
            throw ContentsStore.error(error, place) { "Unexpected error while deleting file: \(place.text) \($0)" }
        }
    }

    /// `POST …/trust`: trusts a notebook as it is now. Status 201.
    public func trust(_ path: String) throws(APIError) {
        let place = try ContentsPath(path)
        guard !isHidden(place), let found = Found(place, in: root) else { throw ContentsStore.missing(place) }
        guard found.kind == .file else { throw APIError(400, "Cannot read non-file \(place.text)") }
        trust.trust(try ContentsStore.notebook(try bytes(of: found, place), place).joined)
    }

    /// What has a new name takes its checkpoint along, if that can be done.
    func renameCheckpoint(of old: ContentsPath, to new: ContentsPath) {
        guard let from = try? checkpoint(ContentsStore.checkpointID, of: old),
            let found = Found(from, in: root, followingLinks: false), found.kind == .file,
            let to = try? checkpoint(ContentsStore.checkpointID, of: new),
            let folder = try? entry(to.parent, followingLinks: false)
        else { return }
        if folder.kind == nil { try? folder.makeFolder() }
        guard let opened = try? folder.openFolder(), let source = try? entry(from, followingLinks: false) else {
            return
        }
        try? source.takePlace(of: FolderEntry(folder: opened, name: to.name))
    }

    /// Where a file's checkpoint is: beside it, in a folder that no link stands for.
    private func checkpoint(_ id: String, of path: ContentsPath) throws(APIError) -> ContentsPath {
        let isID = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard !id.isEmpty, isID else { throw ContentsStore.noCheckpoint(id, path) }
        guard !path.isRoot, let folder = Found(path.parent, in: root), let own = folder.canonicalPath(in: root) else {
            throw ContentsStore.missing(path)
        }
        let name = path.name
        let firstLetter = name.firstIndex { $0 != "." } ?? name.endIndex
        let dot = name[firstLetter...].lastIndex(of: ".") ?? name.endIndex
        return own.appending(ContentsStore.checkpointFolder).appending("\(name[..<dot])-\(id)\(name[dot...])")
    }

    private static func noCheckpoint(_ id: String, _ path: ContentsPath) -> APIError {
        APIError(404, "Checkpoint does not exist: \(path.text)@\(id)")
    }
}
