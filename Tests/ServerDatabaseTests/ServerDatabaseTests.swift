import GRDB
import Glibc
import Testing

@testable import ServerDatabase

@Suite("A database of a server's")
struct ServerDatabaseTests {
    /// A folder that goes away with the test.
    final class Folder {
        let path: String
        var file: String { "\(path)/a.sqlite" }

        init() {
            var template = Array("/tmp/husk-database-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template))
        }

        deinit {
            for name in ["a.sqlite", "a.sqlite.damaged-1"] {
                for suffix in ["", "-wal", "-shm"] { unlink("\(path)/\(name)\(suffix)") }
            }
            rmdir(path)
        }
    }

    /// A schema of so many steps.
    func schema(_ steps: Int = 2) -> DatabaseSchema {
        var schema = DatabaseSchema(tables: Array(["first", "second"].prefix(steps)))
        for table in schema.tables {
            schema.add(table) { try $0.execute(sql: "CREATE TABLE \(table) (x TEXT) STRICT") }
        }
        return schema
    }

    func execute(_ folder: Folder, _ sql: String) throws {
        let queue = try DatabaseQueue(path: folder.file)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    func rows(_ database: ServerDatabase) throws -> [String] {
        try database.queue.read { try String.fetchAll($0, sql: "SELECT x FROM first") }
    }

    @Test("It is its user's alone, and brought to today's schema with what it holds")
    func migrated() throws {
        let folder = Folder()
        let old = try ServerDatabase(path: folder.file, schema: schema(1))
        try old.queue.write { try $0.execute(sql: "INSERT INTO first VALUES ('kept')") }
        try old.queue.close()
        var status = stat()
        #expect(stat(folder.file, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let new = try ServerDatabase(path: folder.file, schema: schema())
        #expect(new.findings.isEmpty)
        #expect(try rows(new) == ["kept"])
        #expect(try new.queue.read { try $0.tableExists("second") })
    }

    @Test("One whose steps were counted goes on from there", arguments: [1, 2])
    func counted(version: Int) throws {
        let folder = Folder()
        try execute(
            folder,
            "CREATE TABLE first (x TEXT) STRICT; INSERT INTO first VALUES ('kept'); PRAGMA user_version = \(version)")
        if version == 2 { try execute(folder, "CREATE TABLE second (x TEXT) STRICT") }
        for _ in 0..<2 {
            let database = try ServerDatabase(path: folder.file, schema: schema())
            #expect(database.findings.isEmpty)
            #expect(try rows(database) == ["kept"])
            try database.queue.close()
        }
    }

    @Test("A later version's is left alone", arguments: ["PRAGMA user_version = 3", nil])
    func later(count: String?) throws {
        let folder = Folder()
        try ServerDatabase(path: folder.file, schema: schema()).queue.close()
        if let count { try execute(folder, count) }
        #expect(throws: ServerDatabaseError.later(folder.file)) {
            try ServerDatabase(path: folder.file, schema: schema(count == nil ? 1 : 2))
        }
    }

    @Test(
        "Another program's is set aside as it is",
        arguments: ["CREATE TABLE first (x)", "CREATE TABLE y (x); PRAGMA user_version = 1"])
    func another(sql: String) throws {
        let folder = Folder()
        try execute(folder, sql)
        let database = try ServerDatabase(path: folder.file, schema: schema())
        #expect(database.findings.map(\.name) == ["\(folder.file).damaged-1"])
        #expect(try rows(database).isEmpty)
        let queue = try DatabaseQueue(path: "\(folder.file).damaged-1")
        #expect(try queue.read { try !$0.tableExists("grdb_migrations") })
    }

    @Test("One that lacks a table is set aside")
    func incomplete() throws {
        let folder = Folder()
        try ServerDatabase(path: folder.file, schema: schema()).queue.close()
        try execute(folder, "DROP TABLE second")
        #expect(try ServerDatabase(path: folder.file, schema: schema()).findings.count == 1)
    }

    @Test("A column is nothing where it holds another type")
    func column() throws {
        let row = Row(["text": "a", "number": 1, "nothing": nil])
        #expect(row.read("text") == "a")
        #expect(row.read("number") as Int64? == 1)
        #expect(row.read("text") as Int64? == nil)
        #expect(row.read("nothing") as String? == nil)
    }
}
