import JupyterServerAPI
import SessionRegister
import Testing

@Suite("Sessions")
struct SessionRegisterTests {
    func request(_ path: String, _ kernel: String = "") throws -> CreateSessionRequest {
        let member = kernel.isEmpty ? "" : ",\"kernel\":\(kernel)"
        return try CreateSessionRequest(parsing: Array("{\"path\":\"\(path)\",\"type\":\"notebook\"\(member)}".utf8))
    }

    func change(_ body: String) throws -> ChangeSessionRequest { try ChangeSessionRequest(parsing: Array(body.utf8)) }

    /// A register with the session `s` of `a.ipynb` in the kernel `k-0-0-0-0`.
    func register() throws -> SessionRegister {
        var register = SessionRegister()
        guard case .start(let start) = try register.create(request("a.ipynb"), id: "s", isRunning: { _ in false })
        else {
            throw APIError(500)
        }
        _ = try register.finish(start, kernelID: "k-0-0-0-0")
        return register
    }

    @Test("A new session starts a kernel, and the same path gives it again")
    func create() throws {
        var register = SessionRegister()
        let first = try register.create(
            request("a.ipynb", #"{"name":"p"}"#), id: "s", isRunning: { _ in Bool.random() })
        guard case .start(let start) = first else {
            Issue.record("\(first)")
            return
        }
        #expect(start.path == "a.ipynb" && start.kernelName == "p" && start.kernelID == nil && start.session == "s")
        #expect(try register.create(request("a.ipynb"), isRunning: { _ in true }) == .wait(session: "s"))
        let session = try register.finish(start, kernelID: "k").session
        #expect(session.kernelID == "k" && session.type == "notebook")
        #expect(try register.create(request("a.ipynb"), isRunning: { $0 == "k" }) == .there(session))
        #expect(register.list(isRunning: { _ in true }) == [session])
        #expect(throws: APIError.self) { try register.finish(start, kernelID: "k") }
    }

    @Test("A running kernel is taken, an unknown id is given, one that starts is a conflict")
    func kernelIDs() throws {
        var register = SessionRegister()
        let attached = try register.create(
            request("a", #"{"id":"k-0-0-0-0"}"#), id: "s", isRunning: { $0 == "k-0-0-0-0" })
        guard case .there(let session) = attached else {
            Issue.record("\(attached)")
            return
        }
        #expect(session.kernelID == "k-0-0-0-0")
        let other = try register.create(request("b", #"{"id":"n-0-0-0-0"}"#), isRunning: { $0 == "k-0-0-0-0" })
        guard case .start(let start) = other else {
            Issue.record("\(other)")
            return
        }
        #expect(start.kernelID == "n-0-0-0-0")
        let error = #expect(throws: APIError.self) {
            try register.create(request("c", #"{"id":"n-0-0-0-0"}"#), isRunning: { $0 == "k-0-0-0-0" })
        }
        #expect(error == APIError(409, "Kernel already exists: n-0-0-0-0"))
    }

    @Test("What fails leaves nothing")
    func failures() throws {
        var register = SessionRegister()
        for (why, status) in [(nil, 501), ("no room", 500)] as [(String?, Int)] {
            let creation = try register.create(request("a", #"{"name":"p"}"#), isRunning: { _ in false })
            guard case .start(let start) = creation else {
                Issue.record("\(creation)")
                return
            }
            #expect(register.fail(start, why: why).status == status)
        }
        var known = try self.register()
        guard
            case .start(let start) = try known.change(
                "s", change(#"{"kernel":{"name":"p"}}"#), isRunning: { _ in true })
        else {
            Issue.record("no start")
            return
        }
        let error = known.fail(start, why: "no room")
        #expect(error.status == 501 && error.shortMessage == "Error starting kernel p")
        #expect(try known.session("s", isRunning: { _ in true }).kernelID == "k-0-0-0-0")
    }

    @Test("A session goes with its kernel")
    func vanished() throws {
        var register = try register()
        let error = #expect(throws: APIError.self) { try register.session("s", isRunning: { _ in false }) }
        #expect(error?.status == 404)
        #expect(
            error?.message
                == "Session not found: \"Kernel 'k-0-0-0-0' appears to have been culled or died unexpectedly, invalidating session 's'. The session has been removed.\""
        )
        let again = #expect(throws: APIError.self) { try register.session("s", isRunning: { _ in true }) }
        #expect(again == APIError(404, "Session not found: session_id='s'"))
        var other = try self.register()
        guard case .start = try other.create(request("a.ipynb"), isRunning: { _ in false }) else {
            Issue.record("a session without a kernel was given")
            return
        }
        #expect(other.list(isRunning: { _ in true }).isEmpty)
    }

    @Test("Renaming keeps the kernel; a new kernel retires the old one")
    func changes() throws {
        var register = try register()
        guard
            case .done(let renamed, nil) = try register.change(
                "s", change(#"{"path":"b.ipynb","type":"file","name":"b"}"#), isRunning: { _ in true })
        else {
            Issue.record("not renamed")
            return
        }
        #expect(renamed.path == "b.ipynb" && renamed.type == "file" && renamed.name == "b")
        #expect(
            try register.change("s", change(#"{"kernel":{"id":"n"}}"#), isRunning: { _ in true })
                == .done(register.session("s", isRunning: { _ in true }), retired: "k-0-0-0-0"))
        let missing = #expect(throws: APIError.self) {
            try register.change("s", change(#"{"path":"x","kernel":{"id":"m"}}"#), isRunning: { $0 == "n" })
        }
        #expect(missing == APIError(400, "No such kernel: m"))
        guard
            case .start(let start) = try register.change(
                "s", change(#"{"path":"c","kernel":{"name":"p"}}"#), isRunning: { _ in true })
        else {
            Issue.record("no start")
            return
        }
        let (session, retired) = try register.finish(start, kernelID: "o")
        #expect(session.path == "c" && session.kernelID == "o" && retired == "n")
    }

    @Test("Deleting gives the kernel to end, and stops what waits")
    func delete() throws {
        var register = try register()
        guard
            case .start(let start) = try register.change(
                "s", change(#"{"kernel":{"name":"p"}}"#), isRunning: { _ in true })
        else {
            Issue.record("no start")
            return
        }
        #expect(try register.delete("s", isRunning: { _ in true }) == "k-0-0-0-0")
        #expect(throws: APIError.self) { try register.finish(start, kernelID: "n") }
        let error = #expect(throws: APIError.self) { try register.delete("s", isRunning: { _ in true }) }
        #expect(error?.status == 404 && SessionRegister.kernelDeleted.status == 410)
    }
}
