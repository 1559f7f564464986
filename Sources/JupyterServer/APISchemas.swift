import JupyterProtocol

/// What bodies look like, for the description of the API.
enum APISchemas {
    static let all: [String: JSONValue] = [
        "Error": object(["message": text, "reason": maybe(text)], required: ["message"]),
        "Any": ["type": "object"],
        "Usage": object([
            "kernels": ["type": "array", "items": used], "owners": ["type": "array", "items": used],
            "sandboxes": ["type": "array", "items": used], "total": used,
        ]),
        "Event": object(
            ["schema_id": text, "version": text, "timestamp": text, "data": ["type": "object"]],
            required: ["schema_id", "version", "data"]),
        "Version": object(["version": text], required: ["version"]),
        "Status": object(
            ["started": time, "last_activity": time, "kernels": integer, "connections": integer],
            required: ["started", "last_activity", "kernels", "connections"]),
        "Identity": object(["identity": ["type": "object"], "permissions": ["type": "object"]]),
        "KernelSpec": object(["name": text, "spec": ["type": "object"], "resources": ["type": "object"]]),
        "KernelSpecs": object([
            "default": text, "kernelspecs": ["type": "object", "additionalProperties": reference("KernelSpec")],
        ]),
        "Kernel": object(
            [
                "id": text, "name": text, "last_activity": time, "connections": integer, "reason": text,
                "message": text,
                "execution_state": word(["starting", "idle", "busy", "restarting", "dead", "unknown"]),
            ], required: ["id", "name", "last_activity", "connections", "execution_state"]),
        "KernelStart": object([
            "name": text, "path": text, "kernel_id": text,
            "env": ["type": "object", "additionalProperties": text],
        ]),
        "Session": object([
            "id": text, "path": text, "name": maybe(text), "type": text, "kernel": reference("Kernel"),
        ]),
        "Contents": object([
            "name": text, "path": text, "type": word(["file", "notebook", "directory"]),
            "writable": ["type": "boolean"],
            "created": time, "last_modified": time, "mimetype": maybe(text), "format": maybe(text),
            "size": maybe(integer),
            "hash": maybe(text), "hash_algorithm": maybe(text), "content": ["nullable": true],
            "message": text,
        ]),
        "Checkpoint": object(["id": text, "last_modified": time]),
        "Cell": object(
            [
                "code": text, "silent": ["type": "boolean"], "store_history": ["type": "boolean"],
                "user_expressions": ["type": "object"], "allow_stdin": ["type": "boolean"],
                "stop_on_error": ["type": "boolean"], "metadata": ["type": "object"], "deadline": ["type": "number"],
                "environment": ["type": "object", "additionalProperties": text],
            ], required: ["code"]),
        "Execution": object(["request_id": text, "kernel_id": text, "request_url": text, "request_status": text]),
        "Input": object(["input": text], required: ["input"]),
        "Resolved": object([
            "resolved": ["type": "array", "items": place], "unresolved": ["type": "array", "items": place],
        ]),
    ]

    private static let text: JSONValue = ["type": "string"]
    private static let integer: JSONValue = ["type": "integer"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    private static let number: JSONValue = ["type": "number"]
    private static let used = object([
        "owner": text, "cells": integer, "cpu_user_seconds": number, "cpu_system_seconds": number,
        "memory_peak_bytes": integer, "memory_byte_seconds": number, "disk_byte_seconds": number,
        "read_bytes": integer, "written_bytes": integer, "cost": number, "currency": text,
    ])
    private static let place = object(["scope": text, "path": text, "reason": text])

    static func object(_ members: [String: JSONValue], required: [String] = []) -> JSONValue {
        var schema: JSONValue = ["type": "object", "properties": .object(members)]
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        return schema
    }

    private static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    private static func maybe(_ schema: JSONValue) -> JSONValue {
        var schema = schema
        schema["nullable"] = true
        return schema
    }

    private static func word(_ words: [String]) -> JSONValue {
        ["type": "string", "enum": .array(words.map { .string($0) })]
    }
}
