import JupyterProtocol
import Testing

@testable import JupyterServer

/// The description says what the server does.
@Suite struct APISpecificationTests {
    private static let id = "11111111-2222-4333-8444-555555555555"

    private static func endpoint(_ path: String) -> Endpoint? {
        var path = path
        for (name, value) in [("{id}", id), ("{section}", "notebook")] { path.replace(name, with: value) }
        for name in ["path", "name", "file", "uid", "checkpoint", "terminal"] { path.replace("{\(name)}", with: name) }
        return Endpoint(path: path)
    }

    @Test func methodsAreThoseOfTheEndpoints() throws {
        var described: [String: Set<String>] = [:]
        for operation in APIOperation.all { described[operation.path, default: []].insert(operation.method) }
        for (path, methods) in described {
            let endpoint = try #require(Self.endpoint(path), "\(path)")
            #expect(endpoint.methods.subtracting(["HEAD"]) == methods, "\(path)")
        }
    }

    @Test func whatIsPublicIsSaidToBe() throws {
        for operation in APIOperation.all {
            #expect(try #require(Self.endpoint(operation.path)).isPublic == operation.isPublic, "\(operation.path)")
        }
    }

    @Test func schemasThatAreReferredToAreThere() {
        let text = APISpecification.yaml
        for part in text.components(of: "#/components/schemas/").dropFirst() {
            let name = String(part.prefix { $0 != "\"" })
            #expect(APISchemas.all[name] != nil, "\(name)")
        }
    }

    @Test func yaml() {
        let text = YAMLText.text(["a": ["200": [1, ["b": "x: y"]], "on": [:]], "c": []])
        #expect(
            text == """
                a:
                  "200":
                    - 1
                    -
                      b: "x: y"
                  "on": {}
                c: []

                """)
    }
}

extension String {
    fileprivate func components(of separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return parts + [rest]
    }
}
