import Glibc
import LinuxKit
import Testing

@Suite("Folders that no path leads out of")
struct RootedDirectoryTests {
    @Test("A letter that combines with a slash does not hide it")
    func combining() throws {
        var template = Array("/tmp/husk-rooted-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let top = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { Directory.removeTree(top) }
        mkdir("\(top)/root", 0o755)
        mkdir("\(top)/\u{301}x", 0o755)
        mkdir("\(top)/root/\u{301}y", 0o755)
        let root = try RootedDirectory("\(top)/root")
        let outside = root.kind("../\u{301}x")
        let inside = root.kind("\u{301}y")
        let nested = root.kind("a/../\u{301}y")
        #expect(outside == nil && inside == .directory && nested == nil)
    }
}
