import JupyterProtocol

/// The description of the API, for `/api/spec.yaml` (OpenAPI 3.0).
enum APISpecification {
    static let yaml = YAMLText.text(json)

    static var json: JSONValue {
        var paths: [String: JSONValue] = [:]
        for operation in APIOperation.all {
            var methods = paths[operation.path] ?? [:]
            methods[operation.method.lowercased()] = operation.json
            paths[operation.path] = methods
        }
        return [
            "openapi": "3.0.3",
            "info": [
                "title": "Husk", "version": .string(APIHandler.version),
                "description": .string(
                    "Kernels in sandboxes, as Jupyter Server's API has them. Every path knows OPTIONS, and HEAD where it "
                        + "knows GET. WebSockets are GETs that are upgraded."),
            ],
            "paths": .object(paths),
            "security": [["header": []], ["parameter": []]],
            "components": [
                "schemas": .object(APISchemas.all),
                "securitySchemes": [
                    "header": [
                        "type": "apiKey", "in": "header", "name": "Authorization",
                        "description": "`token TOKEN` or `Bearer TOKEN`",
                    ],
                    "parameter": ["type": "apiKey", "in": "query", "name": "token"],
                ],
            ],
        ]
    }
}
