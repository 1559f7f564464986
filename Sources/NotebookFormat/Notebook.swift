import JupyterProtocol

/// A notebook of nbformat 4; everything that is not understood is kept as it was.
public struct Notebook: Hashable, Sendable {
    /// The cells, in order.
    public var cells: [NotebookCell]
    private var root: JSONValue

    /// Reads a notebook.
    public init(parsing bytes: [UInt8]) throws(NotebookError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch { throw NotebookError(place: "", "is not JSON: \(error)") }
        guard case .object = value else { throw NotebookError(place: "", "is not a JSON object") }
        guard let version = value["nbformat"] else { throw NotebookError(place: "nbformat", "is missing") }
        guard version == .integer(4) else { throw NotebookError(place: "nbformat", "is not 4; `jupyter nbconvert` upgrades it") }
        guard let list = value["cells"]?.arrayValue else { throw NotebookError(place: "cells", "is not a list") }
        var cells: [NotebookCell] = []
        for (index, cell) in list.enumerated() { cells.append(try NotebookCell(cell, place: "cells[\(index)]")) }
        self.cells = cells
        root = value
    }

    /// A notebook around Python source: a cell for each `# %%` line, or one for all of it.
    public init(python source: String) {
        var sources: [[Substring]] = [[]]
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("# %%") { sources.append([]) } else { sources[sources.count - 1].append(line) }
        }
        cells = sources.compactMap { lines in
            let text = lines.joined(separator: "\n")
            return text.allSatisfy(\.isWhitespace) ? nil : NotebookCell(code: text)
        }
        root = ["nbformat": 4, "nbformat_minor": 4, "metadata": [:]]
    }

    /// The bytes to store, as Python's nbformat writes them.
    public func encoded() -> [UInt8] {
        var value = root
        value["cells"] = .array(cells.map(\.stored))
        return value.encodedForNotebook()
    }
}

/// What is wrong with a notebook.
public struct NotebookError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where, for example `cells[3].source`; empty for the file as a whole.
    public let place: String
    /// What is wrong there.
    public let problem: String

    /// A stable name for programs.
    public var code: String { "notebook" }

    init(place: String, _ problem: String) {
        self.place = place
        self.problem = problem
    }

    public var description: String { place.isEmpty ? "the file \(problem)" : "\(place) \(problem)" }
}
