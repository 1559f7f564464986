extension EventSchema {
    /// What is done to kernels, as Jupyter Server has it.
    public static let kernelActions = EventSchema(
        id: "https://events.jupyter.org/jupyter_server/kernel_actions/v1", version: "1", isOpen: true,
        members: [
            "action": .word(["start", "interrupt", "shutdown", "restart"]), "kernel_id": .text, "kernel_name": .text,
            "status": .word(["error", "success"]), "status_code": .number, "msg": .text,
        ],
        required: ["action", "msg"], requiredElse: ("kernel_id", unless: ["status": "error", "action": "start"]))

    /// What is done to files, as Jupyter Server has it.
    public static let contents = EventSchema(
        id: "https://events.jupyter.org/jupyter_server/contents_service/v1", version: "1", isOpen: true,
        members: [
            "action": .word(["get", "create", "save", "upload", "rename", "copy", "delete"]), "path": .text,
            "source_path": .text,
        ], required: ["action", "path"])

    /// What a Jupyter Server has heard from the gateway that has its kernels; here, only clients say such things.
    public static let gateway = EventSchema(
        id: "https://events.jupyter.org/jupyter_server/gateway_client/v1", version: "1", isOpen: true,
        members: ["status": .word(["error", "success"]), "status_code": .number, "msg": .text, "gateway_url": .text],
        required: ["status", "msg"])

    /// A kernel has ended that nobody wanted to end: `reason` is a name for programs, `msg` a sentence.
    public static let kernelDeath = EventSchema(
        id: "urn:husk:events:kernel_death:v1", version: "1", isOpen: false,
        members: ["kernel_id": .text, "kernel_name": .text, "reason": .text, "msg": .text, "idle_seconds": .number],
        required: ["kernel_id", "reason", "msg"])

    /// All schemas that a server knows.
    public static let all = [kernelActions, contents, gateway, kernelDeath]

    /// The schema with an id.
    public static func named(_ id: String) -> EventSchema? { all.first { $0.id == id } }
}
