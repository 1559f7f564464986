import JupyterProtocol
import Testing

@Suite("Connection files")
struct ConnectionFileTests {
    /// A pair from zmq_curve_keypair(3)'s manual page.
    static let publicKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    static let secretKey = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

    static let plain: JSONValue = [
        "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "key": "k",
    ]

    func parse(_ change: [String: JSONValue]) throws -> ConnectionFile {
        var value = Self.plain
        for (name, member) in change { value[name] = member }
        return try ConnectionFile(parsing: value.encoded())
    }

    @Test("Keys are read, written, and only the public one is printed")
    func keys() throws {
        let file = try parse([
            "curve_publickey": .string(Self.publicKey), "curve_secretkey": .string(Self.secretKey),
        ])
        #expect(file.curve?.publicKey == Self.publicKey)
        #expect(file.curve?.secretKey == Self.secretKey)
        #expect(try ConnectionFile(parsing: file.encoded()) == file)
        #expect(!"\(file)".contains(Self.secretKey))
        #expect(try parse([:]).curve == nil)
    }

    @Test(
        "What is wrong with keys is named",
        arguments: [
            ("curve_publickey", "curve_secretkey", JSONValue.null),
            ("curve_secretkey", "curve_publickey", .null), ("curve_publickey", "curve_publickey", ""),
            ("curve_secretkey", "curve_secretkey", 5), ("curve_secretkey", "curve_secretkey", .string("#" + secretKey)),
            ("curve_secretkey", "curve_secretkey", .string(String(repeating: "#", count: 40))),
            ("curve_secretkey", "curve_secretkey", .string(String(repeating: "\"", count: 40))),
        ] as [(String, String, JSONValue)])
    func wrongKeys(_ field: String, _ changed: String, _ value: JSONValue) {
        let other = changed == "curve_publickey" ? "curve_secretkey" : "curve_publickey"
        let good = other == "curve_publickey" ? Self.publicKey : Self.secretKey
        // A null stands for the member that is there while the other is missing.
        let change: [String: JSONValue] =
            value == .null
            ? [changed: .string(changed == "curve_publickey" ? Self.publicKey : Self.secretKey)]
            : [changed: value, other: .string(good)]
        #expect { _ = try parse(change) } throws: { ($0 as? ConnectionFileError)?.field == field }
    }

    @Test("A port of 0 is the kernel's to choose; what is not known is written back")
    func openPorts() throws {
        var file = try parse(["stdin_port": 0, "jupyter_session": "a.ipynb"])
        #expect(file.firstOpenPort == .stdin)
        file.ports[.stdin] = 9
        #expect(file.firstOpenPort == nil)
        #expect(file.portMembers["stdin_port"] == 9)
        let written = try JSONValue(parsing: file.encoded())
        #expect(written["jupyter_session"] == "a.ipynb")
        #expect(written["stdin_port"] == 9)
        #expect(try ConnectionFile(parsing: file.encoded()) == file)
    }
}
