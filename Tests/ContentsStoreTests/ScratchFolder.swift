import ContentsStore
import Glibc
import JupyterProtocol
import JupyterServerAPI
import LinuxKit

/// A store over a folder of its own, with another folder beside it that nobody may reach.
final class ScratchFolder {
    let top: String
    var root: String { "\(top)/root" }
    let store: ContentsStore

    init(allowsHidden: Bool = false, deletesFullFolders: Bool = true, largestFile: Int = 1 << 20) throws {
        var template = Array("/tmp/husk-contents-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno) }
        let top = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.top = top
        mkdir("\(top)/root", 0o755)
        mkdir("\(top)/outside", 0o755)
        store = try ContentsStore(
            root: "\(top)/root", allowsHidden: allowsHidden, deletesFullFolders: deletesFullFolders,
            largestFile: largestFile)
        write("../outside/secret", "secret")
    }

    deinit { Directory.removeTree(top) }

    func write(_ path: String, _ text: String) {
        let file = open("\(root)/\(path)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        _ = text.withCString { Glibc.write(file, $0, strlen($0)) }
        close(file)
    }

    func folder(_ path: String) { mkdir("\(root)/\(path)", 0o755) }
    func link(_ path: String, to target: String) { symlink(target, "\(root)/\(path)") }
    func exists(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

    func text(_ path: String) -> String? {
        (try? RootedDirectory(top))?.contents("root/\(path)", limit: 1 << 20).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    func names(_ path: String) -> [String] { Directory.entries("\(root)/\(path)") }

    /// The status and message with which something fails.
    func failure(_ body: () throws -> Void) -> APIError? {
        do { try body() } catch { return error as? APIError }
        return nil
    }

    func put(_ path: String, _ body: String) throws -> (model: ContentsModel, isNew: Bool) {
        try store.put(path, body: Array(body.utf8))
    }

    func post(_ path: String, _ body: String = "") throws -> ContentsModel {
        try store.post(path, body: Array(body.utf8))
    }

    func patch(_ path: String, _ body: String) throws -> ContentsModel {
        try store.patch(path, body: Array(body.utf8))
    }
}
