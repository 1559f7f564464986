import Glibc
import JupyterProtocol
import LinuxKit
import Testing

@testable import ConfigStore

/// What front ends keep.
@Suite struct ConfigStoreTests {
    private let folder = "/tmp/husk-config-\(Hexadecimal.random(digits: 16))"
    private var store: ConfigStore { ConfigStore(folder: folder) }

    @Test func nothingIsThereAtFirst() throws {
        #expect(try store.section("notebook") == [:])
        #expect(access(folder, F_OK) != 0)
    }

    @Test func whatIsSetIsKept() throws {
        defer { Directory.removeTree(folder) }
        try store.set("notebook", to: ["a": 1, "b": ["c": nil, "d": 2], "e": [:]])
        #expect(try store.section("notebook") == ["a": 1, "b": ["d": 2]])
        #expect(try store.update("notebook", with: ["b": ["d": nil], "f": "x"]) == ["a": 1, "f": "x"])
        #expect(try ConfigStore(folder: folder).section("notebook") == ["a": 1, "f": "x"])
        var status = stat()
        #expect(stat("\(folder)/notebook.json", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(Directory.entries(folder) == ["notebook.json"])
    }

    @Test(arguments: ["", "..", "a/b", "a.b", "a\0", "a b", "a-b", String(repeating: "a", count: 201)])
    func namesThatAreNone(_ name: String) {
        #expect(throws: ConfigError.badName(name)) { try store.section(name) }
        #expect(throws: ConfigError.badName(name)) { try store.set(name, to: [:]) }
    }

    @Test(arguments: ["notebook", "a_1", "é", "日本"])
    func names(_ name: String) { #expect(ConfigStore.isName(name)) }

    @Test func boundaries() throws {
        defer { Directory.removeTree(folder) }
        let text = String(repeating: "x", count: ConfigStore.largestSection)
        #expect(throws: ConfigError.tooLarge("a")) { try store.set("a", to: ["a": .string(text)]) }
        for index in 0..<ConfigStore.sections { try store.set("s\(index)", to: [:]) }
        #expect(throws: ConfigError.tooMany) { try store.set("more", to: [:]) }
        try store.set("s0", to: ["a": 1])
    }

    @Test func fileThatIsNoSection() throws {
        defer { Directory.removeTree(folder) }
        try store.set("a", to: ["x": 1])
        let file = open("\(folder)/a.json", O_WRONLY | O_TRUNC)
        write(file, "{broken", 7)
        close(file)
        #expect(try store.section("a") == [:])
        #expect(try store.update("a", with: ["y": 2]) == ["y": 2])
    }
}
