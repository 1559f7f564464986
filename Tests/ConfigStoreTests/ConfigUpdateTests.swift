import JupyterProtocol
import Testing

@testable import ConfigStore

/// How a section changes.
@Suite struct ConfigUpdateTests {
    @Test(
        arguments: [
            ([:], [:], [:]),
            (["a": 1], ["a": 2, "b": 3], ["a": 2, "b": 3]),
            (["a": 1, "b": 2], ["a": nil], ["b": 2]),
            (["a": ["b": 1, "c": 2]], ["a": ["b": nil]], ["a": ["c": 2]]),
            (["a": ["b": 1]], ["a": ["b": nil]], [:]),
            ([:], ["a": ["b": [:]]], [:]),
            (["a": 1], ["a": ["b": 2]], ["a": ["b": 2]]),
            (["a": [1, 2]], ["a": [3]], ["a": [3]]),
            ([:], ["a": nil], [:]),
        ] as [([String: JSONValue], [String: JSONValue], [String: JSONValue])])
    func changes(_ old: [String: JSONValue], _ news: [String: JSONValue], _ wanted: [String: JSONValue]) {
        #expect(ConfigUpdate.apply(news, to: old) == wanted)
    }
}
