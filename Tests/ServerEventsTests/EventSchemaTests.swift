import JupyterProtocol
import Testing

@testable import ServerEvents

/// What events have to be like.
@Suite struct EventSchemaTests {
    @Test(
        arguments: [
            (EventSchema.kernelActions, ["action": "start", "msg": "x", "kernel_id": "i", "status": "success"]),
            (.kernelActions, ["action": "start", "msg": "x", "status": "error", "status_code": 501]),
            (.kernelActions, ["action": "interrupt", "msg": "x", "kernel_id": "i", "more": [1]]),
            (.kernelActions, ["action": "start", "msg": "x"]),
            (.contents, ["action": "copy", "path": "a", "source_path": "b"]),
            (.gateway, ["status": "error", "msg": "x", "status_code": 1.5]),
            (.kernelDeath, ["kernel_id": "i", "reason": "idle", "msg": "x", "idle_seconds": 3]),
        ] as [(EventSchema, [String: JSONValue])])
    func right(_ schema: EventSchema, _ data: [String: JSONValue]) { #expect(schema.problem(with: data) == nil) }

    @Test(
        arguments: [
            (EventSchema.kernelActions, ["action": "interrupt", "msg": "x"], "'kernel_id' is a required property"),
            (
                .kernelActions, ["action": "stop", "msg": "x", "status": "error", "kernel_id": "i"],
                "\"stop\" is not one of"
            ),
            (.kernelActions, ["msg": "x"], "'action' is a required property"),
            (.contents, ["action": "get", "path": 1], "1 is not of type 'string'"),
            (.contents, ["action": "get"], "'path' is a required property"),
            (.gateway, ["status": "error", "msg": "x", "status_code": true], "true is not of type 'number'"),
        ] as [(EventSchema, [String: JSONValue], String)])
    func wrong(_ schema: EventSchema, _ data: [String: JSONValue], _ problem: String) {
        #expect(schema.problem(with: data)?.hasPrefix(problem) == true)
    }
}
