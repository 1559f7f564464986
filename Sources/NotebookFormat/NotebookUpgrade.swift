import JupyterProtocol

/// Notebooks of nbformat 3, of which there are many still, as ones of nbformat 4 (nbformat, `v3/rwbase.py` and
/// `v4/convert.py`).
///
/// nbformat gives cells random ids. Here they are numbered, so that a file that has not changed is the same notebook
/// whenever it is read.
enum NotebookUpgrade {
    /// The notebook as one of nbformat 4.5; any other is given back as it is.
    static func upgraded(_ root: JSONValue) throws(NotebookError) -> JSONValue {
        guard root["nbformat"] == 3 else { return root }
        guard var metadata = root["metadata"]?.objectValue else { throw wrong("metadata", "is not an object") }
        guard let sheets = root["worksheets"]?.arrayValue else { throw wrong("worksheets", "is not a list") }
        var cells: [JSONValue] = []
        for (number, sheet) in sheets.enumerated() {
            let place = "worksheets[\(number)].cells"
            guard let list = sheet["cells"]?.arrayValue else { throw wrong(place, "is not a list") }
            for (index, cell) in list.enumerated() {
                var cell = try upgraded(cell: cell, at: "\(place)[\(index)]")
                cell["id"] = .string("cell-\(cells.count + 1)")
                cells.append(.object(cell))
            }
        }
        var root = root
        for (name, usual) in [("orig_nbformat", JSONValue.integer(3)), ("orig_nbformat_minor", 0)] {
            let said = root[name] ?? .null
            metadata[name] = [.null, 0].contains(said) ? usual : said
            root[name] = nil
        }
        for name in ["name", "signature"] { metadata[name] = nil }
        root["metadata"] = .object(metadata)
        root["worksheets"] = nil
        root["cells"] = .array(cells)
        root["nbformat"] = 4
        root["nbformat_minor"] = 5
        return root
    }

    private static func upgraded(cell: JSONValue, at place: String) throws(NotebookError) -> [String: JSONValue] {
        guard var members = cell.objectValue else { throw wrong(place, "is not an object") }
        guard let kind = members["cell_type"]?.stringValue else { throw wrong("\(place).cell_type", "is not a text") }
        members["metadata"] = members["metadata"] ?? [:]
        guard kind == "code" else {
            for name in ["source", "rendered"] { members[name] = members[name].map(joined) }
            if kind == "heading" { try upgradeHeading(&members, at: place) }
            // Nobody has ever seen one.
            if kind == "html" { members["cell_type"] = "markdown" }
            return members
        }
        guard let outputs = members["outputs"]?.arrayValue else { throw wrong("\(place).outputs", "is not a list") }
        members["language"] = nil
        if let isCollapsed = members.removeValue(forKey: "collapsed") {
            members["metadata"]?["collapsed"] = isCollapsed
        }
        members["source"] = members.removeValue(forKey: "input").map(joined) ?? ""
        members["execution_count"] = members.removeValue(forKey: "prompt_number") ?? .null
        var upgraded: [JSONValue] = []
        for (index, output) in outputs.enumerated() {
            upgraded.append(.object(try self.upgraded(output: output, at: "\(place).outputs[\(index)]")))
        }
        members["outputs"] = .array(upgraded)
        return members
    }

    private static func upgradeHeading(
        _ members: inout [String: JSONValue], at place: String
    ) throws(NotebookError) {
        guard let level = (members.removeValue(forKey: "level") ?? 1).integerValue, level < 100 else {
            throw wrong("\(place).level", "is no level of a heading")
        }
        guard let source = (members["source"] ?? "").stringValue else {
            throw wrong("\(place).source", "is not a text")
        }
        members["cell_type"] = "markdown"
        let line = MultilineText.lines(of: source).joined(separator: " ")
        members["source"] = .string(String(repeating: "#", count: max(0, Int(level))) + " " + line)
    }

    private static let multilineOutputs = ["text", "html", "svg", "latex", "javascript", "json"]

    private static func upgraded(output: JSONValue, at place: String) throws(NotebookError) -> [String: JSONValue] {
        guard var members = output.objectValue else { throw wrong(place, "is not an object") }
        guard let kind = members["output_type"]?.stringValue else {
            throw wrong("\(place).output_type", "is not a text")
        }
        for name in multilineOutputs { members[name] = members[name].map(joined) }
        switch kind {
        case "pyout", "display_data": return try upgraded(data: members, isResult: kind == "pyout", at: place)
        case "pyerr": members["output_type"] = "error"
        case "stream": members["name"] = members.removeValue(forKey: "stream") ?? "stdout"
        default: break
        }
        return members
    }

    private static let mediaTypes = [
        "text": "text/plain", "html": "text/html", "svg": "image/svg+xml", "png": "image/png", "jpeg": "image/jpeg",
        "latex": "text/latex", "json": "application/json", "javascript": "application/javascript",
    ]

    /// What is shown gets an object of its own, by media types.
    private static func upgraded(
        data members: [String: JSONValue], isResult: Bool, at place: String
    ) throws(NotebookError) -> [String: JSONValue] {
        guard let metadata = (members["metadata"] ?? [:]).objectValue else {
            throw wrong("\(place).metadata", "is not an object")
        }
        var output: [String: JSONValue] = ["metadata": .object(byMediaType(metadata))]
        output["output_type"] = isResult ? "execute_result" : members["output_type"]
        output["execution_count"] = isResult ? members["prompt_number"] ?? .null : members["execution_count"]
        let others: Set<String> = ["output_type", "execution_count", "metadata"]
        var data = byMediaType(members.filter { !others.contains($0.key) && !(isResult && $0.key == "prompt_number") })
        if let value = data["application/json"] {
            guard let text = value.stringValue, let parsed = try? JSONValue(parsing: Array(text.utf8)) else {
                throw wrong("\(place).json", "is no text that is JSON")
            }
            data["application/json"] = parsed
        }
        output["data"] = .object(data)
        return output
    }

    private static func byMediaType(_ members: [String: JSONValue]) -> [String: JSONValue] {
        var members = members
        for (short, type) in mediaTypes {
            if let value = members.removeValue(forKey: short) { members[type] = value }
        }
        return members
    }

    /// A text that may be a list of lines, which may have lost their ends.
    private static func joined(_ value: JSONValue) -> JSONValue {
        guard let lines = value.arrayValue, MultilineText.isText(value) else { return value }
        let texts = lines.compactMap(\.stringValue)
        let last = texts.first?.unicodeScalars.last
        return .string(texts.joined(separator: last == "\n" || last == "\r" ? "" : "\n"))
    }

    private static func wrong(_ place: String, _ problem: String) -> NotebookError {
        NotebookError(place: place, problem)
    }
}
