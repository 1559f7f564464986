import JupyterServerAPI
import Testing

@Suite("What clients ask of the API")
struct RequestTests {
    @Test("Kernels are started by a name, a path, or nothing")
    func startKernel() throws {
        let nothing = try StartKernelRequest(parsing: [])
        #expect(nothing.name == nil && nothing.path == nil && nothing.kernelID == nil)
        #expect(try StartKernelRequest(parsing: Array("null".utf8)) == nothing)
        #expect(try StartKernelRequest(parsing: Array("{}".utf8)) == nothing)
        let full = try StartKernelRequest(
            parsing: Array(
                #"{"name":"n","path":"/a","kernel_id":"a-b-c-d-e","env":{"KERNEL_USERNAME":"u"},"x":1}"#.utf8))
        #expect(full.name == "n" && full.path == "/a" && full.kernelID == "a-b-c-d-e")
        #expect(full.environment == ["KERNEL_USERNAME": "u"])
    }

    @Test(
        "Bodies that are none",
        arguments: [
            ("x", "Invalid JSON in body of request"), (" ", "Invalid JSON in body of request"),
            ("[]", "Invalid JSON in body of request"), (#"{"kernel_id":"../x"}"#, "Invalid kernel id: '../x'"),
            (#"{"name":1}"#, "Field in JSON data is not a string: name"),
            (#"{"env":{"A":1}}"#, "Invalid environment variable: 'A'"),
            (#"{"env":{"A=":"b"}}"#, "Invalid environment variable: 'A='"),
        ])
    func badKernel(_ body: String, _ message: String) {
        let error = #expect(throws: APIError.self) { try StartKernelRequest(parsing: Array(body.utf8)) }
        #expect(error?.status == 400 && error?.message == message)
    }

    @Test("Sessions, in the old form too")
    func createSession() throws {
        let session = try CreateSessionRequest(
            parsing: Array(#"{"path":"a.ipynb","type":"notebook","name":"a","kernel":{"id":null,"name":"k"}}"#.utf8))
        #expect(session.path == "a.ipynb" && session.type == "notebook" && session.name == "a")
        #expect(session.kernelName == "k" && session.kernelID == nil)
        let odd = try CreateSessionRequest(
            parsing: Array(#"{"path":"a","type":"file","kernel":{"id":"../x"}}"#.utf8))
        #expect(odd.kernelID == nil)
        let old = try CreateSessionRequest(parsing: Array(#"{"notebook":{"path":"b.ipynb"},"kernel":null}"#.utf8))
        #expect(old.path == "b.ipynb" && old.type == "notebook" && old.kernelName == nil)
    }

    @Test(
        "Sessions without what they need",
        arguments: [
            ("", "No JSON data provided"), ("null", "No JSON data provided"),
            ("{}", "Missing field in JSON data: path"), (#"{"path":"a"}"#, "Missing field in JSON data: type"),
            (#"{"path":"a","type":"file","kernel":{"id":1}}"#, "Field in JSON data is not a string: id"),
        ])
    func badSession(_ body: String, _ message: String) {
        let error = #expect(throws: APIError.self) { try CreateSessionRequest(parsing: Array(body.utf8)) }
        #expect(error?.status == 400 && error?.message == message)
    }

    @Test("Changes of sessions: an id is worth more than a name")
    func changeSession() throws {
        let change = try ChangeSessionRequest(parsing: Array(#"{"path":"c","kernel":{"id":"x","name":"y"}}"#.utf8))
        #expect(change.path == "c" && change.kernelID == "x" && change.kernelName == nil && change.type == nil)
        let old = try ChangeSessionRequest(parsing: Array(#"{"notebook":{"path":"d"},"kernel":{"name":"y"}}"#.utf8))
        #expect(old.path == "d" && old.type == "notebook" && old.kernelName == "y")
        let error = #expect(throws: APIError.self) { try ChangeSessionRequest(parsing: []) }
        #expect(error?.message == "No JSON data provided")
    }

    @Test(
        "Numbers of events",
        arguments: [
            ("0", 0), ("007", 7), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil), ("", nil),
            ("-1", nil), ("+1", nil), ("1e3", nil), (" 1", nil), ("\u{ff11}", nil),
        ])
    func eventNumbers(_ text: String, _ number: UInt64?) throws {
        if let number {
            #expect(try EventNumber.read(since: ["since": text]) == number)
        } else {
            let error = #expect(throws: APIError.self) { try EventNumber.read(text) }
            #expect(error?.status == 400 && error?.reason == "bad_sequence")
        }
        #expect(try EventNumber.read(since: [:]) == nil)
    }
}
