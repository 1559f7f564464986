public import JupyterProtocol

/// Turns the events of a cell into the outputs that a notebook stores. Pure.
public struct OutputCollector: Sendable {
    /// The outputs so far.
    public private(set) var outputs: [JSONValue] = []
    private var displayIDs: [Int: String] = [:]
    private var clearsNext = false

    /// A collector for a cell that has just begun.
    public init() {}

    /// Takes one event of iopub.
    public mutating func add(type: String, content: JSONValue) {
        switch type {
        case "stream": addStream(content["name"]?.stringValue ?? "stdout", content["text"]?.stringValue ?? "")
        case "display_data", "execute_result": addDisplay(type, content)
        case "update_display_data": update(content)
        case "error":
            append([
                "output_type": "error", "ename": content["ename"] ?? "", "evalue": content["evalue"] ?? "",
                "traceback": content["traceback"] ?? [],
            ])
        case "clear_output":
            if content["wait"]?.boolValue ?? false { clearsNext = true } else { clear() }
        default: break
        }
    }

    private mutating func clear() {
        outputs = []
        displayIDs = [:]
        clearsNext = false
    }

    private mutating func append(_ output: JSONValue) {
        if clearsNext { clear() }
        outputs.append(output)
    }

    private mutating func addStream(_ name: String, _ text: String) {
        if clearsNext { clear() }
        if let last = outputs.last, last["output_type"] == "stream", last["name"] == .string(name) {
            outputs[outputs.count - 1]["text"] = .string((last["text"]?.stringValue ?? "") + text)
        } else {
            outputs.append(["output_type": "stream", "name": .string(name), "text": .string(text)])
        }
    }

    private mutating func addDisplay(_ type: String, _ content: JSONValue) {
        var output: JSONValue = [
            "output_type": .string(type), "data": content["data"] ?? [:], "metadata": content["metadata"] ?? [:],
        ]
        if type == "execute_result" { output["execution_count"] = content["execution_count"] ?? .null }
        append(output)
        if let id = content["transient"]?["display_id"]?.stringValue { displayIDs[outputs.count - 1] = id }
    }

    private mutating func update(_ content: JSONValue) {
        guard let id = content["transient"]?["display_id"]?.stringValue else { return }
        for (index, known) in displayIDs where known == id {
            outputs[index]["data"] = content["data"] ?? [:]
            outputs[index]["metadata"] = content["metadata"] ?? [:]
        }
    }
}
