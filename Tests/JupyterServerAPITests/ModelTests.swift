import JupyterProtocol
import JupyterServerAPI
import Testing

@Suite("What the API answers")
struct ModelTests {
    static let id = "3b0a2c4e-0d6f-4f3c-9a55-0c5d1f0e7a11"

    func text(_ json: JSONValue) -> String { String(decoding: json.encoded(), as: UTF8.self) }

    var kernel: KernelModel {
        KernelModel(
            id: Self.id, name: "husk-python", lastActivity: 1_795_464_000_000_000, state: .idle, connections: 2)
    }

    @Test("Kernels: dates keep their microseconds")
    func kernels() {
        #expect(
            text(kernel.json)
                == #"{"connections":2,"execution_state":"idle","id":"\#(Self.id)","last_activity":"2026-11-23T20:00:00.000000Z","name":"husk-python"}"#
        )
        var dead = kernel
        dead.state = .dead
        dead.reason = "out of memory"
        #expect(dead.json["reason"] == "out of memory" && dead.json["execution_state"] == "dead")
    }

    @Test("Sessions: notebooks have the old member too")
    func sessions() {
        let notebook = SessionModel(id: "s", path: "a/b.ipynb", name: nil, type: "notebook", kernel: kernel)
        #expect(notebook.json["notebook"] == ["path": "a/b.ipynb", "name": nil] && notebook.json["name"] == .null)
        #expect(notebook.json["kernel"]?["id"] == .string(Self.id))
        let console = SessionModel(id: "s", path: "c", name: "n", type: "console", kernel: kernel)
        #expect(console.json["notebook"] == nil && console.json["name"] == "n")
    }

    @Test("Kernelspecs: resources are found by URL")
    func kernelSpecs() {
        let spec = KernelSpecModel(
            name: "p", spec: ["argv": []], files: ["kernel.json", "logo-64x64.png", "kernel.js", "logo-svg.svg"])
        let list = KernelSpecModel.list([spec], default: "p", at: APIPlace(base: "/user/a"))
        #expect(list["default"] == "p")
        #expect(
            list["kernelspecs"]?["p"]?["resources"] == [
                "logo-64x64": "/user/a/kernelspecs/p/logo-64x64.png", "kernel.js": "/user/a/kernelspecs/p/kernel.js",
                "logo-svg": "/user/a/kernelspecs/p/logo-svg.svg",
            ])
        #expect(
            !KernelSpecModel.isResource("logo-/\u{301}../x") && !KernelSpecModel.isResource("logo-/../x")
                && !KernelSpecModel.isResource("kernel.json"))
    }

    @Test("The server and its user")
    func server() throws {
        let status = ServerStatus(started: 0, lastActivity: 1).json(kernels: [kernel, kernel])
        #expect(status["kernels"] == 2 && status["connections"] == 4)
        #expect(status["started"] == "1970-01-01T00:00:00.000000Z")
        let user = IdentityModel(username: "u", name: "Ada Lovelace")
        let me = try user.json(permissions: #"{"kernels":["read","execute"]}"#)
        #expect(me["identity"]?["initials"] == "AL" && me["identity"]?["display_name"] == "Ada Lovelace")
        #expect(me["permissions"] == ["kernels": ["read", "execute"], "updatable_fields": []])
        for bad in ["[]", "x", #"{"a":1}"#, #"{"a":[1]}"#] {
            let error = #expect(throws: APIError.self) { try user.json(permissions: bad) }
            #expect(error?.status == 400)
        }
    }

    @Test("Errors have Jupyter Server's words")
    func errors() {
        #expect(text(APIError.noKernel("x").body) == #"{"message":"Kernel does not exist: x","reason":null}"#)
        #expect(text(APIError(403).body) == #"{"message":"Forbidden","reason":null}"#)
        #expect(APIError.kernelNotAvailable("foo").status == 501)
        #expect(
            text(APIError.kernelNotAvailable("foo").body)
                == #"{"message":"The 'foo' kernel is not available. Please pick another suitable kernel instead, or install that kernel.","short_message":"foo not found"}"#
        )
        #expect(
            APIError.kernelNotStarted("foo", why: "it's").message == #"The 'foo' kernel could not be started: "it's""#)
    }

    @Test(
        "Texts as Python shows them",
        arguments: [("a", "'a'"), ("it's", "\"it's\""), ("'\"", #"'\'"'"#), ("\n\u{1}é\\", #"'\n\x01é\\'"#)])
    func quoted(_ text: String, _ expected: String) {
        #expect(PythonText.quoted(text) == expected)
    }

    @Test("Ids are five words")
    func ids() {
        #expect(JupyterID.isValid(Self.id) && JupyterID.isValid("a-b-c-d-e_9") && JupyterID.isValid(JupyterID.random()))
        for bad in ["", "a-b-c-d", "a-b-c-d-e-f", "a-b--d-e", "a-b-c-d-../x", "a-b-c-d-é", "a-b-c-d-e\n"] {
            #expect(!JupyterID.isValid(bad))
        }
        #expect(!JupyterID.isValid("a-b-c-d-" + String(repeating: "e", count: 200)))
        #expect(JupyterID.random().count == 36 && JupyterID.random() != JupyterID.random())
    }

    @Test(
        "The names of a server's kernels have its ids in them",
        arguments: [
            ("a-b-c-d-e-1", "a-b-c-d-e"),
            ("11111111-2222-4333-8444-555555555555-20", "11111111-2222-4333-8444-555555555555"),
            ("a-b-c-d-1", nil), ("a-b-c-d-e-", nil), ("a-b-c-d-e-x", nil), ("a-b-c-d-e-f-1", nil), ("kernel", nil),
            ("", nil),
        ] as [(String, String?)])
    func names(_ name: String, _ id: String?) {
        #expect(JupyterID.ofKernel(named: name) == id)
    }

    @Test("Bytes are shown as Python shows them")
    func bytes() {
        #expect(PythonText.quoted(Array("/a'\n\u{e9}".utf8) + [0xff, 0]) == #"b"/a'\n\xc3\xa9\xff\x00""#)
        #expect(PythonText.quoted([UInt8](repeating: 0x61, count: 100)).count == 43)
    }

    @Test(
        "Dates in headers",
        arguments: [
            (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"), (1_795_464_000_999_999, "Mon, 23 Nov 2026 20:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (784_111_777_000_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ])
    func dates(_ microseconds: Int64, _ expected: String) {
        #expect(HTTPDate.text(microseconds: microseconds) == expected)
    }

    @Test("Places")
    func places() {
        let place = APIPlace()
        #expect(place.base == "/" && APIPlace(base: "x/").base == "/x/")
        #expect(place.kernel(Self.id) == "/api/kernels/\(Self.id)")
        #expect(place.contents("a b/ü.ipynb") == "/api/contents/a%20b/%C3%BC.ipynb")
        #expect(place.checkpoint("checkpoint", of: "x") == "/api/contents/x/checkpoints/checkpoint")
        #expect(
            PercentEncoding.decoded("a%20b/%C3%BC%2") == "a b/ü%2" && PercentEncoding.decoded("%zz+%00") == "%zz+\0")
    }
}
