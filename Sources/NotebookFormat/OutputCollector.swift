public import JupyterProtocol

/// Turns the events of a cell into the outputs that a notebook stores. Pure.
///
/// As nbclient does, and as JupyterLab does where they differ: neighbouring texts of one stream are one output.
public struct OutputCollector: Sendable {
    private var finished: [JSONValue] = []
    /// The stream that is being written to. Apart from the others, so that a piece costs its own length only.
    private var stream: (name: String, text: String)?
    private var displays: [String: [Int]] = [:]
    private var clearsNext = false

    /// A collector for a cell that has just begun.
    public init() {}

    /// The outputs so far.
    public var outputs: [JSONValue] {
        guard let stream else { return finished }
        return finished + [["output_type": "stream", "name": .string(stream.name), "text": .string(stream.text)]]
    }

    /// Whether a later cell may change what is shown here.
    public var hasDisplays: Bool { !displays.isEmpty }

    /// Takes one event of iopub; types that are no output change nothing.
    public mutating func add(type: String, content: JSONValue) {
        switch type {
        case "stream": addStream(content["name"]?.stringValue ?? "stdout", content["text"]?.stringValue ?? "")
        case "display_data", "execute_result": addDisplay(type, content)
        case "update_display_data": updateDisplay(content)
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

    /// Shows new content in every display of this cell that has the content's display id.
    ///
    /// A later cell may update it, so a notebook's client offers each update to the collectors of all cells.
    /// Returns whether there was such a display.
    @discardableResult
    public mutating func updateDisplay(_ content: JSONValue) -> Bool {
        guard let id = OutputCollector.displayID(content), let indices = displays[id] else { return false }
        for index in indices {
            finished[index]["data"] = content["data"] ?? [:]
            finished[index]["metadata"] = content["metadata"] ?? [:]
        }
        return true
    }

    private static func displayID(_ content: JSONValue) -> String? { content["transient"]?["display_id"]?.stringValue }

    private mutating func clear() {
        finished = []
        stream = nil
        displays = [:]
        clearsNext = false
    }

    private mutating func append(_ output: JSONValue) {
        if clearsNext { clear() }
        finished = outputs
        stream = nil
        finished.append(output)
    }

    private mutating func addStream(_ name: String, _ text: String) {
        if clearsNext { clear() }
        if stream?.name == name {
            stream?.text += text
        } else {
            finished = outputs
            stream = (name, text)
        }
    }

    private mutating func addDisplay(_ type: String, _ content: JSONValue) {
        updateDisplay(content)
        var output: JSONValue = [
            "output_type": .string(type), "data": content["data"] ?? [:], "metadata": content["metadata"] ?? [:],
        ]
        if type == "execute_result" { output["execution_count"] = content["execution_count"] ?? .null }
        append(output)
        if let id = OutputCollector.displayID(content) { displays[id, default: []].append(finished.count - 1) }
    }
}
