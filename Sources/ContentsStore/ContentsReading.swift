import Crypto
import Glibc
import JupyterProtocol
import JupyterServerAPI
import LinuxKit
import NotebookFormat

extension ContentsStore {
    /// What is at a path, with what a query asks for.
    func model(_ path: ContentsPath, _ query: ContentsQuery) throws(APIError) -> ContentsModel {
        guard !isHidden(path), let found = Found(path, in: root) else { throw ContentsStore.missing(path) }
        switch found.kind {
        case .folder:
            if let kind = query.kind, kind != .directory {
                throw APIError(400, "\(path.text) is a directory, not a \(kind.rawValue)", reason: "bad type")
            }
            guard allowsHidden || path.isRoot || found.isListable else { throw ContentsStore.missing(path) }
            var model = ContentsStore.base(path, found, .directory)
            if query.hasContent {
                model.content = .array(listing(path, found))
                model.format = "json"
            }
            return model
        case .file:
            if query.kind == .directory {
                throw APIError(400, "\(path.text) is not a directory", reason: "bad type")
            }
            return try fileModel(path, found, query)
        case .other: throw APIError(400, "Cannot read non-file \(path.text)")
        }
    }

    private func fileModel(
        _ path: ContentsPath, _ found: borrowing Found, _ query: ContentsQuery
    ) throws(APIError) -> ContentsModel {
        let kind = query.kind ?? ContentsStore.kind(path)
        var model = ContentsStore.base(path, found, kind)
        if kind == .file { model.mediaType = MediaType.of(path.name) }
        guard query.hasContent || query.hasHash else { return model }
        let bytes = try bytes(of: found, path)
        if query.hasHash { model.hash = Hexadecimal.text(of: SHA256.hash(data: bytes)) }
        guard query.hasContent else { return model }
        if kind == .notebook {
            let notebook = try ContentsStore.notebook(bytes, path)
            model.content = trust.marked(notebook.joined)
            model.message = ContentsStore.message(notebook)
            model.format = "json"
        } else if query.format != .base64, let text = String(validating: bytes, as: UTF8.self) {
            model.content = .string(text)
            model.format = "text"
            model.mediaType = model.mediaType ?? "text/plain"
        } else {
            guard query.format != .text else {
                throw APIError(400, "\(path.text) is not UTF-8 encoded", reason: "bad format")
            }
            model.content = .string(Base64.encode(bytes))
            model.format = "base64"
            model.mediaType = model.mediaType ?? "application/octet-stream"
        }
        return model
    }

    /// The entries of a folder, without their content. Those that lead nowhere, or out of the root, are not there.
    private func listing(_ path: ContentsPath, _ folder: borrowing Found) -> [JSONValue] {
        var entries: [JSONValue] = []
        for name in folder.names where allowsHidden || !ContentsPath.isHidden(name) {
            let child = path.appending(name)
            guard ContentsPath.isListed(name), let found = Found(child, in: root) else { continue }
            switch found.kind {
            case .folder:
                if allowsHidden || found.isListable {
                    entries.append(ContentsStore.base(child, found, .directory).json)
                }
            case .file:
                let kind = ContentsStore.kind(child)
                var model = ContentsStore.base(child, found, kind)
                if kind == .file { model.mediaType = MediaType.of(name) }
                entries.append(model.json)
            case .other: break
            }
        }
        return entries
    }

    /// The bytes of a file. Throws 413 for more than can be read.
    func bytes(of found: borrowing Found, _ path: ContentsPath) throws(APIError) -> [UInt8] {
        let bytes: [UInt8]?
        do { bytes = try found.bytes(limit: largestFile) } catch {
            throw ContentsStore.error(error, path) { "Unexpected error while reading file: \(path.text) \($0)" }
        }
        guard let bytes else { throw APIError(413, "\(path.text) is larger than \(largestFile) bytes") }
        return bytes
    }

    /// Some bytes of a file, fewer when it has become shorter. Throws 413 for more than can be read.
    func bytes(
        _ part: Range<Int64>, of found: borrowing Found, _ path: ContentsPath
    ) throws(APIError) -> [UInt8] {
        if part.isEmpty { return [] }
        guard part.count <= largestFile else {
            throw APIError(413, "The part of \(path.text) is larger than \(largestFile) bytes")
        }
        do { return try found.bytes(in: part) } catch {
            throw ContentsStore.error(error, path) { "Unexpected error while reading file: \(path.text) \($0)" }
        }
    }

    static func notebook(_ bytes: [UInt8], _ path: ContentsPath) throws(APIError) -> NotebookDocument {
        do { return try NotebookDocument(parsing: bytes) } catch {
            throw APIError(400, "Unreadable Notebook: \(path.text) \(error)")
        }
    }

    /// What is wrong with a notebook, as Jupyter Server begins it; its clients show it.
    static func message(_ notebook: NotebookDocument) -> String? {
        notebook.defect.map { "Notebook validation failed: \($0)" }
    }

    static func kind(_ path: ContentsPath) -> ContentsQuery.Kind {
        path.name.hasSuffix(".ipynb") ? .notebook : .file
    }

    private static func base(
        _ path: ContentsPath, _ found: borrowing Found, _ kind: ContentsQuery.Kind
    ) -> ContentsModel {
        ContentsModel(
            path: path.text, kind: kind, isWritable: found.isWritable, created: found.created,
            lastModified: found.modified, size: kind == .directory ? nil : found.size)
    }

    func isHidden(_ path: ContentsPath) -> Bool { !allowsHidden && path.isHidden }

    static func missing(_ path: ContentsPath) -> APIError {
        APIError(404, "No such file or directory: \(path.text)")
    }

    /// A failed system call as an answer: 403 where somebody may not, 404 where a link leads away, else 500.
    static func error(_ error: SystemError, _ path: ContentsPath, _ message: (String) -> String) -> APIError {
        switch error.errno {
        case EACCES, EPERM, EROFS: APIError(403, "Permission denied: \(path.text)")
        case ELOOP, EXDEV: missing(path)
        default:
            APIError(
                500,
                message(
                    "[Errno \(error.errno)] \(SystemError.text(of: error.errno)): \(PythonText.quoted(path.text))"))
        }
    }
}
