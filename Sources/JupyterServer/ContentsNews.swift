import JupyterProtocol
import ServerEvents

/// What is told of files, with the actions and in the order of Jupyter Server. That one also tells what it looks at itself
/// on the way, such as each entry of a folder that is listed; here only what a client has asked for is told.
extension ServerEvent {
    static func contents(_ action: String, _ path: String, from source: String? = nil) -> ServerEvent {
        var data: [String: JSONValue] = ["action": .string(action), "path": .string(ServerEvent.bare(path))]
        if let source { data["source_path"] = .string(ServerEvent.bare(source)) }
        return ServerEvent(schema: EventSchema.contents.id, data: data)
    }

    /// Something new, which may be a copy.
    static func made(_ path: String, from source: String?) -> [ServerEvent] {
        guard let source, !source.isEmpty else { return [.contents("save", path)] }
        return [.contents("save", path), .contents("copy", path, from: source)]
    }

    /// Something has another path, if it is another one.
    static func moved(_ old: String, to new: String) -> [ServerEvent] {
        bare(old) == bare(new) ? [] : [.contents("rename", new, from: old)]
    }

    /// A path without slashes at its ends.
    private static func bare(_ path: String) -> String {
        let slash = UInt8(ascii: "/")
        let bytes = Array(path.utf8)
        guard let first = bytes.firstIndex(where: { $0 != slash }), let last = bytes.lastIndex(where: { $0 != slash })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
