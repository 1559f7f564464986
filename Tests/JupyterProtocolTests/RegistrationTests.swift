import JupyterProtocol
import Testing

@Suite("Registration with a launcher")
struct RegistrationTests {
    static let documented: JSONValue = [
        "kernel_id": "k1", "transport": "tcp", "registration_ip": "::1", "registration_port": "5000", "key": "k",
    ]
    static let supervisor: JSONValue = ["transport": "tcp", "ip": "127.0.0.1", "registration_port": 5000, "key": "k"]
    static let delimiter = Array("<IDS|MSG>".utf8)

    func parse(_ value: JSONValue) throws -> (file: ConnectionFile, registration: Registration, key: SigningKey) {
        let file = try ConnectionFile(parsing: value.encoded())
        return (
            file, try #require(file.registration), try #require(SigningKey(scheme: "hmac-sha256", key: file.key))
        )
    }

    func request(_ value: JSONValue) throws -> [[UInt8]] {
        var (file, registration, key) = try parse(value)
        for (port, socket) in zip(1..., ConnectionFile.Socket.allCases) { file.ports[socket] = port }
        return registration.request(ports: file.ports, signedWith: key, id: "i", date: "d")
    }

    @Test("The documented file: one frame, with ports as texts")
    func frame() throws {
        let (file, registration, key) = try parse(Self.documented)
        #expect(registration.form == .frame)
        #expect(file.endpoint(registration) == "tcp://[::1]:5000")
        // Who says nothing of the kernel's own address has it where the launcher's is.
        #expect(file.ip == "::1")
        #expect(file.firstOpenPort == .shell)
        let frames = try request(Self.documented)
        #expect(frames.count == 3)
        #expect(frames[0] == Self.delimiter)
        #expect(key.isValid(frames[1], for: [frames[2]]))
        let expected: JSONValue = [
            "kernel_id": "k1", "shell_port": "1", "iopub_port": "2", "stdin_port": "3", "control_port": "4",
            "hb_port": "5",
        ]
        #expect(try JSONValue(parsing: frames[2]) == expected)
    }

    @Test("A supervisor's file: a message, with ports as numbers")
    func message() throws {
        let (file, registration, key) = try parse(Self.supervisor)
        #expect(registration.form == .message)
        #expect(file.endpoint(registration) == "tcp://127.0.0.1:5000")
        let message = try WireMessage(frames: try request(Self.supervisor), key: key)
        #expect(message.header.type == "handshake_request")
        #expect(try JSONValue(parsing: message.content)["hb_port"] == 5)
    }

    @Test("A file that has been used says both", arguments: [documented, supervisor])
    func used(_ value: JSONValue) throws {
        var file = try parse(value).file
        for (port, socket) in zip(1..., ConnectionFile.Socket.allCases) { file.ports[socket] = port }
        let again = try ConnectionFile(parsing: file.encoded())
        #expect(again == file)
        #expect(again.firstOpenPort == nil)
        #expect(again.registration == file.registration)
    }

    @Test("An acknowledgement is signed, whatever it says")
    func acknowledgement() throws {
        let (_, registration, key) = try parse(Self.documented)
        let content = Array("ACK".utf8)
        let good = [Self.delimiter, key.signature(of: [content]), content]
        try registration.check(answer: good, key: key)
        try registration.check(answer: [[1, 2]] + good, key: key)
        #expect(throws: RegistrationError.badSignature) {
            try registration.check(answer: [good[0], good[1], [1]], key: key)
        }
        for frames in [[], [content], [Self.delimiter], [Self.delimiter, content]] {
            #expect(throws: RegistrationError.malformed) { try registration.check(answer: frames, key: key) }
        }
    }

    @Test(
        "A reply says whether the kernel is wanted",
        arguments: [
            (#"{"status":"ok"}"#, nil), (#"{"status":"error","error":"no"}"#, .refused("no")),
            (#"{"status":"error"}"#, .refused("error")), ("{}", .malformed), ("", .malformed),
        ] as [(String, RegistrationError?)])
    func reply(_ content: String, _ error: RegistrationError?) throws {
        let (_, registration, key) = try parse(Self.supervisor)
        let signed = ["{}", "{}", "null", content].map { Array($0.utf8) }
        let frames = [Self.delimiter, key.signature(of: signed)] + signed
        guard let error else { return try registration.check(answer: frames, key: key) }
        #expect(throws: error) { try registration.check(answer: frames, key: key) }
        #expect(throws: RegistrationError.badSignature) {
            try registration.check(answer: [frames[0], [0]] + signed, key: key)
        }
    }
}
