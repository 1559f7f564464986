import ContentsStore
import Glibc
import JupyterProtocol
import JupyterServerAPI
import Testing

@Suite("Contents: no way out")
struct EscapeTests {
    /// Paths that would lead to the folder beside the root, were they followed.
    static let paths = [
        "../outside/secret", "a/../../outside/secret", "..", "/..", "relative/secret", "absolute/secret", "file",
        "chain/secret", "a\0b", "../\u{301}secret", "a/../../\u{301}secret",
        "../\u{301}outside/secret", "proc/self/root/etc/passwd",
    ]

    func scratch() throws -> ScratchFolder {
        let scratch = try ScratchFolder(allowsHidden: true)
        scratch.folder("a")
        scratch.link("relative", to: "../outside")
        scratch.link("absolute", to: "\(scratch.top)/outside")
        scratch.link("file", to: "../outside/secret")
        scratch.link("chain", to: "a/back")
        scratch.link("a/back", to: "../../outside")
        scratch.link("proc", to: "/proc")
        return scratch
    }

    @Test("Nothing outside can be read, written, moved or removed", arguments: EscapeTests.paths)
    func path(_ path: String) throws {
        let scratch = try scratch()
        let file = #"{"type":"file","format":"text","content":"x"}"#
        #expect(scratch.failure { _ = try scratch.store.get(path) }?.status == 404)
        #expect(scratch.failure { _ = try scratch.store.file(path) }?.status == 404)
        #expect(scratch.failure { _ = try scratch.put(path, file) }?.status == 404)
        let chunk = file.replacing("}", with: ",\"chunk\":2}")
        #expect(scratch.failure { _ = try scratch.put(path, chunk) }?.status == 404)
        for place in [path, "\(path)/a/b"] {
            #expect(scratch.failure { _ = try scratch.put(place, #"{"type":"directory"}"#) }?.status == 404)
        }
        #expect(scratch.failure { _ = try scratch.post(path) }?.status == 404)
        #expect(scratch.failure { try scratch.store.delete(path) } != nil)
        #expect(scratch.failure { _ = try scratch.store.createCheckpoint(of: path) } != nil)
        #expect(scratch.failure { try scratch.store.restoreCheckpoint("checkpoint", of: path) } != nil)
        scratch.write("mine", "m")
        #expect(scratch.failure { _ = try scratch.store.patch(path, body: Array(#"{"path":"taken"}"#.utf8)) } != nil)
        let body = JSONValue.object(["path": .string(path)]).encoded()
        #expect(scratch.failure { _ = try scratch.store.patch("mine", body: body) } != nil)
        let copy = JSONValue.object(["copy_from": .string(path)]).encoded()
        #expect(scratch.failure { _ = try scratch.store.post("", body: copy) }?.status == 404)
        #expect(scratch.text("../outside/secret") == "secret" && scratch.names("../outside") == ["secret"])
        #expect(scratch.text("mine") == "m" && !scratch.exists("taken"))
    }

    @Test("A folder that is missing is another thing than a link that leads out")
    func missing() throws {
        let scratch = try scratch()
        scratch.link("inner", to: "a")
        let file = #"{"type":"file","format":"text","content":"x"}"#
        for path in ["no/x", "a/no/x", "inner/no/x", "a/no/relative/x"] {
            #expect(scratch.failure { _ = try scratch.put(path, file) }?.status == 500)
        }
        for path in ["relative/x", "inner/back/x", "relative/no/such/x"] {
            #expect(scratch.failure { _ = try scratch.put(path, file) }?.status == 404)
        }
    }

    @Test("Links within are followed, and what they lead to is written")
    func inside() throws {
        let scratch = try scratch()
        scratch.write("a/x", "one")
        scratch.link("l", to: "a/x")
        scratch.link("d", to: "a")
        #expect(try scratch.store.get("l").content == "one" && scratch.store.get("d/x").path == "d/x")
        _ = try scratch.put("l", #"{"type":"file","format":"text","content":"two"}"#)
        _ = try scratch.put("d/y", #"{"type":"file","format":"text","content":"y"}"#)
        #expect(scratch.text("a/x") == "two" && scratch.text("a/y") == "y")
        var status = stat()
        #expect(lstat("\(scratch.root)/l", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        try scratch.store.delete("l")
        #expect(scratch.text("a/x") == "two" && !scratch.exists("l"))
    }

    @Test("A folder that becomes a link meanwhile leads nowhere")
    func races() async throws {
        let scratch = try scratch()
        let root = scratch.root
        let swapping = Task.detached {
            while !Task.isCancelled {
                rename("\(root)/a", "\(root)/b")
                symlink("../outside", "\(root)/a")
                unlink("\(root)/a")
                rename("\(root)/b", "\(root)/a")
            }
        }
        for _ in 0..<1000 {
            _ = try? scratch.put("a/x", #"{"type":"file","format":"text","content":"x"}"#)
            _ = try? scratch.put("a/x", #"{"type":"file","format":"text","content":"x","chunk":2}"#)
            _ = try? scratch.store.createCheckpoint(of: "a/x")
            #expect((try? scratch.store.get("a/secret")) == nil)
            #expect((try? scratch.store.file("a/secret")) == nil)
            try? scratch.store.delete("a/secret")
            try? scratch.store.delete("a")
            scratch.folder("a")
        }
        swapping.cancel()
        await swapping.value
        #expect(scratch.names("../outside") == ["secret"] && scratch.text("../outside/secret") == "secret")
    }

    @Test("A link in the place of the checkpoints' folder is none")
    func checkpointLink() throws {
        let scratch = try ScratchFolder()
        scratch.write("x", "y")
        scratch.link(".ipynb_checkpoints", to: "../outside")
        #expect(scratch.failure { _ = try scratch.store.createCheckpoint(of: "x") } != nil)
        #expect(try scratch.store.checkpoints(of: "x").isEmpty && scratch.names("../outside") == ["secret"])
        let inner = try ScratchFolder()
        inner.write("x", "y")
        inner.folder(".ipynb_checkpoints")
        inner.link(".ipynb_checkpoints/x-checkpoint", to: "../../outside/secret")
        #expect(inner.failure { try inner.store.restoreCheckpoint("checkpoint", of: "x") }?.status == 404)
        _ = try inner.store.createCheckpoint(of: "x")
        #expect(inner.text(".ipynb_checkpoints/x-checkpoint") == "y")
    }
}
