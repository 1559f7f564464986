public import JupyterProtocol

/// A notebook of nbformat 4; everything that is not understood is kept as it was.
public struct Notebook: Hashable, Sendable {
    /// The cells, in order.
    public var cells: [NotebookCell]
    private var root: JSONValue

    /// Reads a notebook.
    public init(parsing bytes: [UInt8]) throws(NotebookError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch { throw NotebookError(place: "", "is not JSON: \(error)") }
        try self.init(value)
    }

    /// Reads a notebook that is JSON already; its texts may be joined or lists of lines.
    public init(_ value: JSONValue) throws(NotebookError) {
        try NotebookDocument.checkVersion(of: value)
        guard let list = value["cells"]?.arrayValue else { throw NotebookError(place: "cells", "is not a list") }
        var cells: [NotebookCell] = []
        for (index, cell) in list.enumerated() { cells.append(try NotebookCell(cell, place: "cells[\(index)]")) }
        self.cells = cells
        root = value
    }

    /// A notebook around Python source with cells in the percent format; see `PercentFormat`.
    public init(python source: String) {
        cells = PercentFormat.cells(of: source)
        root = ["nbformat": 4, "nbformat_minor": 4, "metadata": [:]]
    }

    /// Puts a cell that sets parameters behind the one tagged `parameters`, which has their defaults, in the place of
    /// one that was put there before; at the beginning if there is none. Returns whether there was one.
    public mutating func setParameters(_ source: String) -> Bool {
        cells.removeAll { $0.tags.contains("injected-parameters") }
        let defaults = cells.firstIndex { $0.tags.contains("parameters") }
        let hasIDs = root["nbformat_minor"]?.integerValue ?? 0 >= 5
        cells.insert(NotebookCell(parameters: source, hasID: hasIDs), at: defaults.map { $0 + 1 } ?? 0)
        return defaults != nil
    }

    /// The bytes to store, as Python's nbformat writes them: what it holds for transient is left out.
    public func encoded() -> [UInt8] { NotebookDocument(self).encoded() }

    /// The whole as JSON.
    var value: JSONValue {
        var value = root
        value["cells"] = .array(cells.map(\.value))
        return value
    }
}
