import GRDB
import Glibc
import ServerDatabase
import Testing

@testable import SessionRegister

@Suite("The sessions that a server leaves")
struct SessionStoreTests {
    /// A database file that goes away with the test.
    final class File {
        let path: String

        init() {
            var template = Array("/tmp/husk-sessions-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template)) + "/sessions.sqlite"
        }

        deinit {
            for suffix in ["", "-wal", "-shm"] {
                unlink(path + suffix)
                unlink("\(path).damaged-1\(suffix)")
            }
            rmdir(String(path.dropLast("/sessions.sqlite".count)))
        }
    }

    func session(_ id: String, path: String, name: String? = nil) -> Session {
        Session(id: id, path: path, name: name, type: "notebook", kernelID: "k-\(id)")
    }

    @Test("They come back as they were, the oldest first")
    func kept() throws {
        let file = File()
        let first = session("1", path: "a\u{0}é.ipynb", name: "")
        var second = session("2", path: "b")
        let third = session("3", path: "c")
        try SessionStore(path: file.path).keep([first, second, third])
        let again = try SessionStore(path: file.path)
        #expect(again.sessions == [first, second, third])
        second.path = "d"
        second.name = "e"
        second.kernelID = "k"
        try again.keep([second, third])
        #expect(try SessionStore(path: file.path).sessions == [second, third])
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("What could not be written is written with the next change")
    func failure() throws {
        let file = File()
        let store = try SessionStore(path: file.path)
        let other = try DatabaseQueue(path: file.path)
        try other.write { try $0.execute(sql: "ALTER TABLE sessions RENAME TO away") }
        #expect(throws: DatabaseError.self) { try store.keep([session("1", path: "a")]) }
        #expect(store.sessions.isEmpty)
        try other.write { try $0.execute(sql: "ALTER TABLE away RENAME TO sessions") }
        try store.keep([session("1", path: "a"), session("2", path: "b")])
        #expect(try SessionStore(path: file.path).sessions.map(\.id) == ["1", "2"])
    }

    @Test("A damaged database is set aside, and there are no sessions then")
    func damaged() throws {
        let file = File()
        try SessionStore(path: file.path).keep([session("1", path: "a")])
        truncate(file.path, 5000)
        let store = try SessionStore(path: file.path)
        #expect(store.sessions.isEmpty)
        #expect(store.damage.count == 1 && store.damage[0].hasPrefix("\(file.path) is damaged: "))
    }
}
