import JupyterProtocol
import Testing

@testable import KernelRuntime

@Suite struct EventRulesTests {
    @Test(
        "What the server knows joins what the interpreter said, and wins",
        arguments: [
            (#"{}"#, #"{"husk":{"u":1}}"#), (#"{ }"#, #"{"husk":{"u":1}}"#),
            (#"{"status":"ok"}"#, #"{"status":"ok","husk":{"u":1}}"#),
            (#"{"a":1} "#, #"{"a":1,"husk":{"u":1}}"#),
            (#"{"husk":{"refusal":"disk_full"}}"#, #"{"husk":{"refusal":"disk_full","u":1}}"#),
            (#"{"husk":{"u":9}}"#, #"{"husk":{"u":1}}"#), (#"{"husk":3}"#, #"{"husk":{"u":1}}"#),
            (#"{"\u0068usk":{"u":9}}"#, #"{"husk":{"u":1}}"#),
        ])
    func metadata(_ said: String, _ expected: String) throws {
        let joined = EventRules.metadata(Array(said.utf8), with: Array(#"{"u":1}"#.utf8))
        let value = try JSONValue(parsing: joined)
        let wanted = try JSONValue(parsing: Array(expected.utf8))
        #expect(value == wanted)
    }
}
