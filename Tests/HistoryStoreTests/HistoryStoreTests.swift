import Glibc
import JupyterProtocol
import SQLiteDatabase
import Testing

@testable import HistoryStore

@Suite("The history of inputs")
struct HistoryStoreTests {
    /// A database file that goes away with the test.
    final class File {
        let path: String

        init() {
            var template = Array("/tmp/husk-history-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template)) + "/history.sqlite"
        }

        deinit {
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
            rmdir(String(path.dropLast("/history.sqlite".count)))
        }
    }

    func filled(_ path: String, kernel: String, _ inputs: [String]) throws -> HistoryStore {
        let store = HistoryStore(path: path, kernel: kernel)
        for (index, input) in inputs.enumerated() { store.remember(line: index + 1, input: input) }
        try store.flush()
        return store
    }

    func text(_ value: JSONValue) -> String { String(decoding: value.encoded(), as: UTF8.self) }

    func ask(_ store: HistoryStore, _ access: HistoryRequest.Access, output: Bool = false) throws -> String {
        var request = HistoryRequest(content: [:])
        request.access = access
        request.wantsOutput = output
        return text(try store.answer(request))
    }

    @Test("A kernel sees what the kernels before it were asked")
    func sessions() throws {
        let file = File()
        let first = try filled(file.path, kernel: "one", ["a", "b"])
        first.remember(line: 2, output: "B")
        try first.flush()
        let second = try filled(file.path, kernel: "two", ["c"])
        #expect(try ask(second, .tail(count: 2)) == #"[[1,2,"b"],[2,1,"c"]]"#)
        #expect(try ask(second, .range(session: 0, start: 1, stop: nil)) == #"[[0,1,"c"]]"#)
        #expect(try ask(second, .range(session: -1, start: 2, stop: 3), output: true) == #"[[1,2,["b","B"]]]"#)
        #expect(try ask(second, .range(session: 1, start: -2, stop: -1)) == #"[[1,1,"a"]]"#)
        #expect(try ask(second, .range(session: 9, start: 1, stop: nil)) == "[]")
    }

    @Test("A kernel that is taken over goes on with its session, and nothing is there twice")
    func again() throws {
        let file = File()
        _ = try filled(file.path, kernel: "one", ["a", "b"])
        let again = try filled(file.path, kernel: "one", ["a", "b", "c"])
        #expect(try ask(again, .tail(count: 9)) == #"[[1,1,"a"],[1,2,"b"],[1,3,"c"]]"#)
    }

    @Test("Searches find the newest, by pattern, each once if wanted")
    func search() throws {
        let store = try filled(":memory:", kernel: "one", ["1", "12", "x", "12", "1[2"])
        #expect(try ask(store, .search(pattern: "1*", count: 2, unique: false)) == #"[[1,4,"12"],[1,5,"1[2"]]"#)
        #expect(try ask(store, .search(pattern: "?2", count: nil, unique: true)) == #"[[1,4,"12"]]"#)
        #expect(try ask(store, .search(pattern: "1[[]*", count: nil, unique: false)) == #"[[1,5,"1[2"]]"#)
        #expect(try ask(store, .search(pattern: "é*", count: -1, unique: false)) == "[]")
    }

    @Test("Text of any kind comes back as it was")
    func anyText() throws {
        let inputs = ["", "'; DROP TABLE history; --", "é🐚\u{0}after", "a\nb"]
        let store = try filled(":memory:", kernel: "one", inputs)
        let answer = try store.answer(HistoryRequest(content: [:]))
        #expect(answer.arrayValue?.compactMap { $0.arrayValue?[2].stringValue } == inputs)
    }

    @Test("A file that is no database is refused with its name")
    func broken() throws {
        let file = File()
        let descriptor = open(file.path, O_WRONLY | O_CREAT, 0o600)
        let noise = [UInt8](repeating: 7, count: 8192)
        #expect(write(descriptor, noise, noise.count) == noise.count)
        close(descriptor)
        let store = HistoryStore(path: file.path, kernel: "one")
        store.remember(line: 1, input: "a")
        #expect(throws: DatabaseError.self) { try store.flush() }
        #expect(store.isDirty)
    }
}
