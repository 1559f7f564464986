import ContentsStore
import Glibc
import JupyterProtocol
import JupyterServerAPI
import Testing

@Suite("Contents: writing")
struct WritingTests {
    @Test("New entries get Jupyter's names")
    func untitled() throws {
        let scratch = try ScratchFolder()
        scratch.folder("f")
        func name(_ body: String) throws -> String { try scratch.post("f", body).path }
        #expect(try name("") == "f/untitled" && name("{}") == "f/untitled1")
        #expect(
            try name(#"{"type":"notebook"}"#) == "f/Untitled.ipynb" && name(#"{"ext":".ipynb"}"#) == "f/Untitled1.ipynb"
        )
        #expect(
            try name(#"{"ext":".txt"}"#) == "f/untitled.txt"
                && name(#"{"type":"file","ext":".txt"}"#) == "f/untitled1.txt")
        #expect(
            try name(#"{"ext":".tar.gz"}"#) == "f/untitled.tar.gz"
                && name(#"{"ext":".tar.gz"}"#) == "f/untitled1.tar.gz")
        #expect(
            try name(#"{"type":"directory"}"#) == "f/Untitled Folder"
                && name(#"{"type":"directory"}"#) == "f/Untitled Folder 1")
        #expect(try scratch.store.get("f/Untitled.ipynb").content["nbformat_minor"] == 5)
        #expect(try scratch.store.checkpoints(of: "f/Untitled.ipynb").map(\.id) == ["checkpoint"])
        #expect(try scratch.post("").path == "untitled")
        #expect(scratch.failure { _ = try scratch.post("x") } == APIError(404, "No such directory: x"))
        #expect(
            scratch.failure { _ = try scratch.post("f/untitled") }
                == APIError(400, "Cannot POST to files, use PUT instead."))
        #expect(scratch.failure { _ = try scratch.post("f", #"{"ext":"/../../x"}"#) }?.status == 400)
    }

    @Test("Copies count up")
    func copies() throws {
        let scratch = try ScratchFolder()
        scratch.folder("f")
        scratch.write("a.ipynb", "x")
        scratch.write("b.tar.gz", "x")
        func copy(_ from: String, _ to: String) throws -> String {
            try scratch.post(to, "{\"copy_from\":\"\(from)\"}").path
        }
        #expect(try copy("a.ipynb", "f") == "f/a.ipynb" && copy("a.ipynb", "f") == "f/a-Copy1.ipynb")
        #expect(try copy("f/a-Copy1.ipynb", "f") == "f/a-Copy2.ipynb" && copy("b.tar.gz", "") == "b-Copy1.tar.gz")
        #expect(scratch.text("f/a-Copy2.ipynb") == "x")
        #expect(try copy("b.tar.gz", "f/c") == "f/c")
        #expect(
            scratch.failure { _ = try copy("a.ipynb", "g/c") }
                == APIError(404, "No such parent directory: g to copy file in"))
        #expect(
            scratch.failure { _ = try copy("none", "f") } == APIError(404, "No such file or directory: none"))
        scratch.folder("f/g")
        scratch.link("f/g/l", to: "../../../outside/secret")
        #expect(try copy("f", "") == "f-Copy1" && scratch.names("f-Copy1") == scratch.names("f"))
        #expect(scratch.names("f-Copy1/g").isEmpty)
        #expect(scratch.failure { _ = try copy("f", "f/g") }?.status == 400)
    }

    @Test("The folders on the way to a folder's copy are made, within the root and outside of the folder")
    func copiesOfFolders() throws {
        let scratch = try ScratchFolder()
        scratch.folder("f")
        scratch.write("f/x", "y")
        scratch.write("file", "")
        scratch.link("out", to: "../outside")
        scratch.link("nowhere", to: "nothing")
        func copy(_ to: String) throws -> String { try scratch.post(to, #"{"copy_from":"f"}"#).path }
        #expect(try copy("a/b") == "a/b/f" && copy("a/b") == "a/b/f-Copy1" && scratch.text("a/b/f/x") == "y")
        for path in ["f", "f/a", "f/a/b", "file/a", "out/a", "nowhere/a", "nowhere"] {
            #expect((400...499).contains(scratch.failure { _ = try copy(path) }?.status ?? 0), "\(path)")
        }
        #expect(scratch.names("f") == ["x"] && scratch.names("../outside") == ["secret"])
        #expect(scratch.failure { _ = try scratch.post(".h", #"{"copy_from":"f"}"#) }?.status == 400)
        let small = try ScratchFolder(largestFile: 1)
        small.folder("f")
        small.write("f/x", "yz")
        #expect(small.failure { _ = try small.post("a", #"{"copy_from":"f"}"#) }?.status == 400)
        #expect(!small.exists("a"))
    }

    @Test("Files are saved whole, new ones with 201")
    func files() throws {
        let scratch = try ScratchFolder()
        let first = try scratch.put("a.txt", #"{"type":"file","format":"text","content":"é"}"#)
        #expect(first.isNew && first.model.content == .null && first.model.size == 2 && first.model.kind == .file)
        chmod("\(scratch.root)/a.txt", 0o640)
        let again = try scratch.put("a.txt", #"{"type":"file","format":"base64","content":"eHl6\nYQ=="}"#)
        #expect(!again.isNew && scratch.text("a.txt") == "xyza" && scratch.names("") == ["a.txt"])
        var status = stat()
        stat("\(scratch.root)/a.txt", &status)
        #expect(status.st_mode & 0o777 == 0o640)
        #expect(try scratch.put("e.txt", "{\"type\":\"\"}").isNew && scratch.text("e.txt") == "")
        #expect(try scratch.put("", "").model.path == "untitled")
    }

    @Test("Notebooks are stored as nbformat writes them, with a checkpoint")
    func notebooks() throws {
        let scratch = try ScratchFolder()
        let content =
            #"{"cells":[{"cell_type":"code","execution_count":null,"id":"a","metadata":{"trusted":true},"outputs":[],"source":"x\ny"}],"metadata":{},"nbformat":4,"nbformat_minor":5}"#
        let saved = try scratch.put("n.ipynb", "{\"type\":\"notebook\",\"content\":\(content)}")
        #expect(saved.isNew && saved.model.kind == .notebook)
        #expect(scratch.text("n.ipynb")?.contains("   \"source\": [\n    \"x\\n\",\n    \"y\"\n   ]") ?? false)
        #expect(scratch.text("n.ipynb")?.contains("trusted") == false)
        #expect(
            try scratch.store.get("n.ipynb").content["cells"]?.arrayValue?.first?["metadata"]?["trusted"] == true)
        #expect(scratch.names(".ipynb_checkpoints") == ["n-checkpoint.ipynb"])
        #expect(try scratch.put("empty.ipynb", #"{"type":"notebook"}"#).isNew)
        #expect(try scratch.store.get("empty.ipynb").content["cells"] == [])
        let error = scratch.failure { _ = try scratch.put("bad.ipynb", #"{"type":"notebook","content":{}}"#) }
        #expect(error?.status == 400 && !scratch.exists("bad.ipynb"))
        #expect(saved.model.message == nil && saved.model.json["message"] == nil)
    }

    @Test("A notebook that breaks the format's rules is saved, with what is wrong")
    func invalidNotebook() throws {
        let scratch = try ScratchFolder()
        let content = #"{"cells":[{"cell_type":"wrong","metadata":{}}],"metadata":{},"nbformat":4}"#
        let message = "Notebook validation failed: nbformat_minor is missing"
        let saved = try scratch.put("n.ipynb", "{\"type\":\"notebook\",\"content\":\(content)}")
        #expect(saved.isNew && saved.model.json["message"] == .string(message) && saved.model.content == .null)
        let model = try scratch.store.get("n.ipynb")
        #expect(model.message == message && model.content["cells"]?.arrayValue?.first?["cell_type"] == "wrong")
        #expect(try scratch.store.get("n.ipynb", ContentsQuery(hasContent: false)).message == nil)
    }

    @Test("A displayed page is not trusted because it is saved")
    func untrusted() throws {
        let scratch = try ScratchFolder()
        let content =
            #"{"cells":[{"cell_type":"code","execution_count":1,"id":"a","metadata":{},"outputs":[{"output_type":"display_data","data":{"text/html":"<script>"},"metadata":{}}],"source":""}],"metadata":{},"nbformat":4,"nbformat_minor":5}"#
        _ = try scratch.put("n.ipynb", "{\"type\":\"notebook\",\"content\":\(content)}")
        func isTrusted() throws -> JSONValue? {
            try scratch.store.get("n.ipynb").content["cells"]?.arrayValue?.first?["metadata"]?["trusted"]
        }
        #expect(try isTrusted() == false)
        try scratch.store.trust("n.ipynb")
        #expect(try isTrusted() == true)
    }

    @Test("Bytes of any number come back as base64")
    func base64() throws {
        let scratch = try ScratchFolder()
        for count in 0...130 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 151 + 128) }
            let file = open("\(scratch.root)/in", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, count) }
            close(file)
            let content = try scratch.store.get("in", ContentsQuery(format: .base64)).content
            let body: JSONValue = ["type": "file", "format": "base64", "content": content]
            _ = try scratch.store.put("out", body: body.encoded())
            #expect(try scratch.store.file("out").bytes == bytes)
        }
    }

    @Test("Large files come in parts")
    func chunks() throws {
        let scratch = try ScratchFolder()
        func send(_ chunk: String, _ content: String, _ format: String = "text") throws -> Bool {
            try scratch.put(
                "big.txt", "{\"type\":\"file\",\"format\":\"\(format)\",\"chunk\":\(chunk),\"content\":\"\(content)\"}"
            ).isNew
        }
        scratch.folder("d")
        #expect(try send("1", "a") && !send("2", "b") && !send("-1", "Yw==", "base64"))
        #expect(scratch.text("big.txt") == "abc")
        #expect(try !send("1", "x") && scratch.text("big.txt") == "x")
        let error = scratch.failure { _ = try scratch.put("n.ipynb", #"{"type":"notebook","chunk":1,"content":{}}"#) }
        #expect(error == APIError(400, #"File type "notebook" is not supported for large file transfer"#))
        #expect(scratch.failure { _ = try send("0", "x") }?.status == 400)
        #expect(
            scratch.failure { _ = try scratch.put("d", #"{"type":"file","chunk":2,"format":"text","content":"x"}"#) }?
                .status == 500)
    }

    @Test("Folders are made once")
    func folders() throws {
        let scratch = try ScratchFolder()
        scratch.write("x", "")
        #expect(try scratch.put("f", #"{"type":"directory"}"#).model.kind == .directory)
        #expect(try scratch.put("f", #"{"type":"directory"}"#).isNew)
        #expect(
            scratch.failure { _ = try scratch.put("x", #"{"type":"directory"}"#) }
                == APIError(400, "Not a directory: x"))
        #expect(scratch.failure { _ = try scratch.put("g/h", #"{"type":"directory"}"#) }?.status == 500)
    }

    @Test("What cannot be saved is named")
    func refused() throws {
        let scratch = try ScratchFolder()
        scratch.write("x", "old")
        scratch.folder("f")
        for (path, body, status, message) in [
            ("x", #"{"content":"y"}"#, 400, "No file type provided"),
            ("x", #"{"type":"file"}"#, 400, "No file content provided"),
            ("x", #"{"type":"file","content":"y"}"#, 400, "Must specify format of file contents as 'text' or 'base64'"),
            (
                "x", #"{"type":"file","content":"y","format":"base64"}"#, 400,
                "Encoding error saving x: Incorrect padding"
            ),
            ("x", #"{"copy_from":"y"}"#, 400, "Cannot copy with PUT, only POST"),
            ("x", "[", 400, "Invalid JSON in body of request"),
            (".h", #"{"type":"file"}"#, 400, "Cannot create file or directory '/.h'"),
            ("x", #"{"type":"file","path":"f/.h/x"}"#, 400, "Cannot create file or directory '/x'"),
            ("x", #"{"type":"file","path":"../x"}"#, 404, "../x is outside root contents directory"),
            ("f", #"{"type":"file"}"#, 500, "Unexpected error while saving file: f [Errno 21] Is a directory: 'f'"),
            (
                "n/x", #"{"type":"file"}"#, 500,
                "Unexpected error while saving file: n/x [Errno 2] No such file or directory: 'n/x'"
            ),
        ] {
            #expect(scratch.failure { _ = try scratch.put(path, body) } == APIError(status, message))
        }
        #expect(scratch.text("x") == "old" && scratch.names("") == ["f", "x"])
    }

    @Test("Renaming takes the checkpoint along, and nothing's place")
    func rename() throws {
        let scratch = try ScratchFolder()
        _ = try scratch.put("a.ipynb", #"{"type":"notebook"}"#)
        scratch.write("b", "b")
        scratch.folder("f")
        let moved = try scratch.patch("a.ipynb", #"{"path":"f/c.ipynb"}"#)
        #expect(moved.path == "f/c.ipynb" && !scratch.exists("a.ipynb") && scratch.exists("f/c.ipynb"))
        #expect(
            scratch.names("f/.ipynb_checkpoints") == ["c-checkpoint.ipynb"]
                && scratch.names(".ipynb_checkpoints").isEmpty)
        #expect(try scratch.patch("f", #"{"path":"g"}"#).kind == .directory && scratch.exists("g/c.ipynb"))
        for (path, body, status, message) in [
            ("b", #"{"path":"g"}"#, 409, "File already exists: g"),
            ("b", #"{"path":"g/c.ipynb"}"#, 409, "File already exists: g/c.ipynb"),
            ("x", #"{"path":"y"}"#, 404, "File or directory does not exist: x"),
            ("b", #"{"path":"y/z"}"#, 404, "Cannot rename b to y/z: there is no folder y"),
            ("b", #"{"path":".z"}"#, 400, "Cannot rename file or directory '/b'"),
            ("b", "", 400, "JSON body missing"), ("x", "{}", 404, "No such file or directory: x"),
            ("g", #"{"path":"g/h"}"#, 500, "Unknown error renaming file: g [Errno 22] Invalid argument: 'g'"),
        ] {
            #expect(scratch.failure { _ = try scratch.patch(path, body) } == APIError(status, message))
        }
        #expect(try scratch.patch("b", "{}").path == "b" && scratch.text("b") == "b")
    }

    @Test("Deleting takes the checkpoint along")
    func delete() throws {
        let scratch = try ScratchFolder()
        _ = try scratch.put("a.ipynb", #"{"type":"notebook"}"#)
        scratch.folder("f")
        scratch.folder("f/g")
        scratch.write("f/g/x", "y")
        scratch.link("f/out", to: "\(scratch.top)/outside")
        try scratch.store.delete("a.ipynb")
        #expect(scratch.names(".ipynb_checkpoints").isEmpty && !scratch.exists("a.ipynb"))
        try scratch.store.delete("f")
        #expect(!scratch.exists("f") && scratch.exists("../outside/secret"))
        #expect(
            scratch.failure { try scratch.store.delete("f") } == APIError(404, "File or directory does not exist: f"))
        #expect(scratch.failure { try scratch.store.delete("/") } == APIError(400, "Can't delete root"))
        let careful = try ScratchFolder(deletesFullFolders: false)
        careful.folder("f")
        careful.folder("f/.ipynb_checkpoints")
        careful.folder("g")
        careful.write("g/x", "")
        try careful.store.delete("f")
        #expect(careful.failure { try careful.store.delete("g") } == APIError(400, "Directory g not empty"))
    }

    @Test("A checkpoint is made, given back and forgotten")
    func checkpoints() throws {
        let scratch = try ScratchFolder()
        scratch.write("a.b.txt", "one")
        #expect(try scratch.store.checkpoints(of: "a.b.txt").isEmpty)
        let made = try scratch.store.createCheckpoint(of: "a.b.txt")
        #expect(made.id == "checkpoint" && made.json["last_modified"]?.stringValue?.hasSuffix("Z") ?? false)
        #expect(scratch.text(".ipynb_checkpoints/a.b-checkpoint.txt") == "one")
        scratch.write("a.b.txt", "two")
        try scratch.store.restoreCheckpoint("checkpoint", of: "a.b.txt")
        #expect(scratch.text("a.b.txt") == "one")
        try scratch.store.deleteCheckpoint("checkpoint", of: "a.b.txt")
        #expect(try scratch.store.checkpoints(of: "a.b.txt").isEmpty)
        let missing = APIError(404, "Checkpoint does not exist: a.b.txt@checkpoint")
        #expect(scratch.failure { try scratch.store.deleteCheckpoint("checkpoint", of: "a.b.txt") } == missing)
        #expect(scratch.failure { try scratch.store.restoreCheckpoint("checkpoint", of: "a.b.txt") } == missing)
        #expect(scratch.failure { try scratch.store.restoreCheckpoint("../x", of: "a.b.txt") }?.status == 404)
        #expect(scratch.failure { _ = try scratch.store.createCheckpoint(of: "none") }?.status == 404)
    }
}
