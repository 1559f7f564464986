import ContentsStore
import Glibc
import JupyterProtocol
import JupyterServerAPI
import Testing

@Suite("Contents: reading")
struct ReadingTests {
    static let notebook =
        #"{"cells":[{"cell_type":"code","execution_count":1,"id":"a","metadata":{},"outputs":[{"name":"stdout","output_type":"stream","text":["a\n","b"]}],"source":["x\n","y"]}],"metadata":{},"nbformat":4,"nbformat_minor":5}"#

    @Test("Folders list what is to be seen")
    func listing() throws {
        let scratch = try ScratchFolder()
        for name in ["a.ipynb", "b.txt", ".hidden", "c.pyc", "d~", "e.csv"] { scratch.write(name, "x") }
        scratch.folder("f")
        scratch.folder("__pycache__")
        scratch.folder(".ipynb_checkpoints")
        scratch.link("inside", to: "b.txt")
        scratch.link("out", to: "../outside/secret")
        scratch.link("nowhere", to: "nothing")
        mkfifo("\(scratch.root)/pipe", 0o600)
        let model = try scratch.store.get("/")
        #expect(model.kind == .directory && model.path.isEmpty && model.name.isEmpty && model.format == "json")
        #expect(model.size == nil && model.mediaType == nil && model.isWritable)
        let entries = model.content.arrayValue ?? []
        #expect(entries.compactMap { $0["name"]?.stringValue } == ["a.ipynb", "b.txt", "e.csv", "f", "inside"])
        #expect(entries.compactMap { $0["type"]?.stringValue } == ["notebook", "file", "file", "directory", "file"])
        #expect(entries[1]["size"] == 1 && entries[1]["content"] == .null && entries[2]["mimetype"] == "text/csv")
        let bare = try scratch.store.get("f", ContentsQuery(hasContent: false))
        #expect(bare.content == .null && bare.format == nil && bare.path == "f")
        #expect(
            Set(bare.json.objectValue?.keys.map { $0 } ?? []) == [
                "name", "path", "type", "writable", "created", "last_modified", "mimetype", "content", "format", "size",
                "hash", "hash_algorithm",
            ])
    }

    @Test("Files are texts if they can be")
    func files() throws {
        let scratch = try ScratchFolder()
        scratch.write("ü b.txt", "é")
        scratch.write("data", "x")
        let file = open("\(scratch.root)/raw.bin2", O_WRONLY | O_CREAT, 0o644)
        _ = [UInt8](repeating: 0xff, count: 60).withUnsafeBytes { Glibc.write(file, $0.baseAddress, 60) }
        close(file)
        let text = try scratch.store.get("ü b.txt", ContentsQuery(hasHash: true))
        #expect(text.content == "é" && text.format == "text" && text.mediaType == "text/plain" && text.size == 2)
        #expect(text.hash == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c")
        #expect(text.json["hash_algorithm"] == "sha256")
        #expect(try scratch.store.get("data").mediaType == "text/plain")
        #expect(try scratch.store.get("data", ContentsQuery(hasContent: false)).mediaType == nil)
        let raw = try scratch.store.get("raw.bin2")
        #expect(raw.format == "base64" && raw.mediaType == "application/octet-stream")
        #expect(raw.content == .string(String(repeating: "/", count: 76) + "\n////\n"))
        #expect(try scratch.store.get("data", ContentsQuery(format: .base64)).content == "eA==\n")
        let error = scratch.failure { _ = try scratch.store.get("raw.bin2", ContentsQuery(format: .text)) }
        #expect(error == APIError(400, "raw.bin2 is not UTF-8 encoded", reason: "bad format"))
    }

    @Test("Notebooks have joined texts, and say whether they are trusted")
    func notebooks() throws {
        let scratch = try ScratchFolder()
        scratch.write("a.ipynb", Self.notebook)
        let model = try scratch.store.get("a.ipynb")
        #expect(model.kind == .notebook && model.format == "json" && model.mediaType == nil)
        let cell = model.content["cells"]?.arrayValue?.first
        #expect(cell?["source"] == "x\ny" && cell?["outputs"]?.arrayValue?.first?["text"] == "a\nb")
        #expect(cell?["metadata"]?["trusted"] == false)
        try scratch.store.trust("a.ipynb")
        #expect(
            try scratch.store.get("a.ipynb").content["cells"]?.arrayValue?.first?["metadata"]?["trusted"] == true)
        #expect(try scratch.store.get("a.ipynb", ContentsQuery(kind: .file)).content == .string(Self.notebook))
        scratch.write("bad.ipynb", "{}")
        let error = scratch.failure { _ = try scratch.store.get("bad.ipynb") }
        #expect(error?.status == 400 && error?.message.hasPrefix("Unreadable Notebook: bad.ipynb ") ?? false)
        #expect(try scratch.store.get("bad.ipynb", ContentsQuery(hasContent: false)).kind == .notebook)
    }

    @Test("What is of another type, too long, or no file, is refused")
    func refused() throws {
        let scratch = try ScratchFolder(largestFile: 10)
        scratch.folder("f")
        scratch.write("x", "y")
        scratch.write("long", "01234567890")
        mkfifo("\(scratch.root)/pipe", 0o600)
        func failure(_ path: String, _ kind: ContentsQuery.Kind? = nil) -> APIError? {
            scratch.failure { _ = try scratch.store.get(path, ContentsQuery(kind: kind)) }
        }
        #expect(failure("f", .file) == APIError(400, "f is a directory, not a file", reason: "bad type"))
        #expect(failure("x", .directory) == APIError(400, "x is not a directory", reason: "bad type"))
        #expect(failure("x", .notebook)?.status == 400)
        #expect(failure("pipe") == APIError(400, "Cannot read non-file pipe"))
        #expect(failure("long")?.status == 413)
        #expect(failure("it's") == APIError(404, #"file or directory "/it's" does not exist"#))
        #expect(failure("x/y")?.status == 404)
    }

    @Test("Queries are checked")
    func queries() throws {
        let query = try ContentsQuery(type: "x", format: "base64", content: "0", hash: "1")
        #expect(query == ContentsQuery(kind: .file, format: .base64, hasContent: false, hasHash: true))
        #expect(try ContentsQuery(type: nil, format: nil, content: nil, hash: nil) == ContentsQuery())
        for (format, content, hash, message) in [
            ("json", nil, nil, "Format 'json' is invalid"), (nil, "2", nil, "Content '2' is invalid"),
            (nil, nil, "yes", "Hash argument 'yes' is invalid. It must be '0' or '1'."),
        ] as [(String?, String?, String?, String)] {
            let error = #expect(throws: APIError.self) {
                try ContentsQuery(type: nil, format: format, content: content, hash: hash)
            }
            #expect(error == APIError(400, message))
        }
    }

    @Test("Hidden entries are not there, unless they are shown")
    func hidden() throws {
        for shown in [false, true] {
            let scratch = try ScratchFolder(allowsHidden: shown)
            scratch.folder(".f")
            scratch.write(".f/x", "y")
            for path in [".f", ".f/x", "/.f/x"] {
                #expect(scratch.failure { _ = try scratch.store.get(path) }?.status == (shown ? nil : 404))
            }
            #expect(scratch.failure { _ = try scratch.put(".f/z", #"{"type":"file"}"#) }?.status == (shown ? nil : 400))
            #expect(scratch.failure { _ = try scratch.patch(".f/x", #"{"path":"v"}"#) }?.status == (shown ? nil : 400))
            #expect(
                scratch.failure { _ = try scratch.post("", #"{"copy_from":".f/x"}"#) }?.status == (shown ? 404 : 400))
            #expect(scratch.failure { try scratch.store.delete(".f") }?.status == (shown ? nil : 400))
        }
    }

    @Test("Times that no date can be written for are 1970")
    func times() throws {
        let scratch = try ScratchFolder()
        scratch.write("x", "y")
        var times = [timespec(tv_sec: 1 << 60, tv_nsec: 0), timespec(tv_sec: 1 << 60, tv_nsec: 0)]
        _ = utimensat(AT_FDCWD, "\(scratch.root)/x", &times, 0)
        #expect(try scratch.store.get("x").json["last_modified"]?.stringValue != nil)
    }

    @Test("Kernels start in the document's folder")
    func folders() throws {
        let scratch = try ScratchFolder()
        scratch.folder("a")
        scratch.link("l", to: "a")
        #expect(scratch.store.folder(of: "a/x.ipynb") == "a" && scratch.store.folder(of: "l") == "a")
        #expect(scratch.store.folder(of: "b/c/d").isEmpty && scratch.store.folder(of: "../x").isEmpty)
    }

    @Test("Of a document that is not there kernels start in the last folder that is", arguments: 1...9)
    func lastFolders(_ depth: Int) throws {
        let scratch = try ScratchFolder()
        for count in 1...depth { scratch.folder(Array(repeating: "a", count: count).joined(separator: "/")) }
        let folder = Array(repeating: "a", count: depth).joined(separator: "/")
        for missing in [1, 2, 3, 1000] {
            let path = folder + String(repeating: "/b", count: missing)
            #expect(scratch.store.folder(of: path) == folder)
        }
    }

    @Test("No path is longer than the longest of a file")
    func length() throws {
        let scratch = try ScratchFolder()
        let longest = String(repeating: "x/", count: 2047) + "x"
        let long = scratch.failure { _ = try scratch.store.get(longest) }
        #expect(long?.status == 404 && long?.message == "file or directory '/\(longest)' does not exist")
        for path in [longest + "x", String(repeating: "x/", count: 100_000)] {
            let file = #"{"type":"file","format":"text","content":"x"}"#
            let failures = [
                scratch.failure { _ = try scratch.store.get(path) },
                scratch.failure { _ = try scratch.store.file(path) },
                scratch.failure { _ = try scratch.put(path, file) },
                scratch.failure { _ = try scratch.post(path) },
                scratch.failure { _ = try scratch.post("", "{\"copy_from\":\"\(path)\"}") },
                scratch.failure { _ = try scratch.patch("a", "{\"path\":\"\(path)\"}") },
                scratch.failure { _ = try scratch.store.createCheckpoint(of: path) },
                scratch.failure { _ = try scratch.store.checkpoints(of: path) },
            ]
            #expect(failures.allSatisfy { $0?.status == 404 && ($0?.message.utf8.count ?? 0) < 200 }, "\(failures)")
            #expect(scratch.store.folder(of: path).isEmpty)
        }
    }
}
