import InterpreterChannel
import JupyterProtocol
import KeeperWire

/// What an interpreter may say, and what becomes of it.
enum EventRules {
    /// Where a message of an interpreter goes.
    enum Destination {
        case broadcast
        case reply
        case input
        case nowhere
    }

    private static let events: Set<String> = [
        "display_data", "update_display_data", "execute_result", "error", "clear_output", "comm_open", "comm_msg",
        "comm_close", "debug_event",
    ]

    /// What the server itself makes values of is small in every correct message.
    private static let largestOwn = 1 << 20

    /// The way of a message, or a violation when no correct interpreter says it: clients believe what they get.
    static func destination(checking message: ChannelMessage) throws(ChannelViolation) -> Destination {
        for (name, bytes) in [("content", message.content), ("metadata", message.metadata)] {
            guard (try? JSONCheck.isObject(bytes)) == true else { throw .malformed("\(name) of a \(message.type)") }
        }
        guard let destination = destination(of: message.type) else { throw .malformed("type") }
        let own = destination == .nowhere ? message.content.count : destination == .reply ? message.metadata.count : 0
        guard own <= largestOwn else { throw .malformed("size of a \(message.type)") }
        return destination
    }

    /// The way of a message of this type; nil when no correct interpreter says it.
    static func destination(of type: String) -> Destination? {
        if events.contains(type) { return .broadcast }
        switch type {
        case "hello", "done", "awaiting", "exiting": return .nowhere
        case "input_request": return .input
        case "execute_reply", "complete_reply", "inspect_reply", "is_complete_reply", "comm_info_reply",
            "debug_reply", "shutdown_reply", "usage_reply":
            return .reply
        default: return nil
        }
    }

    /// Metadata of a reply with what the server knows of the cell, under a name of its own.
    static func metadata(_ metadata: [UInt8], with facts: [UInt8]) -> [UInt8] {
        // Nothing of that name is there as a rule, and then nothing has to be taken apart.
        let isEmpty = metadata == Array("{}".utf8)
        if isEmpty || (metadata.starts(with: Array("{\"".utf8)) && metadata.last == UInt8(ascii: "}")),
            !metadata.contains(Array("\"husk\"".utf8))
        {
            return metadata.dropLast() + Array("\(isEmpty ? "" : ",")\"husk\":".utf8) + facts + [UInt8(ascii: "}")]
        }
        guard var object = try? JSONValue(parsing: metadata), let known = try? JSONValue(parsing: facts) else {
            return metadata
        }
        var own = object["husk"]?.objectValue ?? [:]
        for (name, value) in known.objectValue ?? [:] { own[name] = value }
        object["husk"] = .object(own)
        return object.encoded()
    }

    /// The content of a status message.
    static func status(_ state: String) -> [UInt8] { Array("{\"execution_state\":\"\(state)\"}".utf8) }

    /// The content of the status message of a kernel that is dead, with the reason for programs and for people.
    static func status(_ death: Death) -> [UInt8] {
        let content: JSONValue = [
            "execution_state": "dead", "reason": .string(death.code), "message": .string(death.description),
        ]
        return content.encoded()
    }

    /// The content of a stream message.
    static func stream(_ name: String, _ text: [UInt8]) -> [UInt8] {
        var content = Array("{\"name\":\"\(name)\",\"text\":".utf8)
        JSONText.append(text, to: &content)
        content.append(UInt8(ascii: "}"))
        return content
    }
}
