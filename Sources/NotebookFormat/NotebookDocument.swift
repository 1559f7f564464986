public import JupyterProtocol

/// A notebook of nbformat 4 as programs hand it on: whole, and with what breaks the format's rules.
///
/// Its texts may be joined or lists of lines. What to run is read by `Notebook`, which takes no such thing.
public struct NotebookDocument: Hashable, Sendable {
    private let root: JSONValue

    /// Reads a notebook, also one of nbformat 3, which becomes one of 4. Throws when it has not the lists and objects in which nbformat would look for its cells and
    /// texts, so that no program could show it.
    public init(parsing bytes: [UInt8]) throws(NotebookError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch { throw NotebookError(place: "", "is not JSON: \(error)") }
        try self.init(try NotebookUpgrade.upgraded(value))
    }

    /// Reads a notebook that is JSON already, of nbformat 4 only.
    public init(_ value: JSONValue) throws(NotebookError) {
        try NotebookDocument.checkVersion(of: value)
        try NotebookDocument.form.check(value, at: "")
        root = value
    }

    init(_ notebook: Notebook) {
        root = notebook.value
    }

    /// What breaks the format's rules first; nil when nothing does.
    public var defect: NotebookError? {
        do { try NotebookRules(minor: root["nbformat_minor"]).notebook.check(root, at: "") } catch { return error }
        return nil
    }

    /// The notebook as programs hold it: with its texts joined.
    public var joined: JSONValue { mapCells(MultilineText.joinedCell) }

    /// The bytes to store, as Python's nbformat writes them: what it holds for transient is left out.
    public func encoded() -> [UInt8] {
        var value = mapCells(MultilineText.splitCell)
        if var metadata = value["metadata"], metadata.objectValue != nil {
            for name in ["orig_nbformat", "orig_nbformat_minor", "signature"] { metadata[name] = nil }
            value["metadata"] = metadata
        }
        return value.encodedForNotebook()
    }

    static func checkVersion(of value: JSONValue) throws(NotebookError) {
        guard value.objectValue != nil else { throw NotebookError(place: "", "is not a JSON object") }
        guard let version = value["nbformat"] else { throw NotebookError(place: "nbformat", "is missing") }
        guard version == .integer(4) else {
            throw NotebookError(place: "nbformat", "is not 4; `jupyter nbconvert` upgrades it")
        }
    }

    private func mapCells(_ change: (JSONValue) -> JSONValue) -> JSONValue {
        var value = root
        if let cells = root["cells"]?.arrayValue { value["cells"] = .array(cells.map(change)) }
        return value
    }

    // MARK: - The form

    /// A list is joined, and has to be one of texts for that.
    private static let joinable = ValueRule.value(
        isValid: { $0.arrayValue == nil || MultilineText.isText($0) }, problem: "is a list with what is no text")

    private static let output = MemberRules(possible: ["data": .object, "text": joinable])

    private static let cell: [String: ValueRule] = [
        "source": joinable, "attachments": .members(MemberRules(others: { _ in .object })),
    ]

    private static let form = ValueRule.members(
        MemberRules(needed: [
            "metadata": .object,
            "cells": .list(
                of: .kind(
                    in: "cell_type",
                    [
                        "code": MemberRules(
                            needed: ["metadata": .object],
                            possible: cell.merging(["outputs": .list(of: .members(output))]) { own, _ in own })
                    ], other: MemberRules(needed: ["metadata": .object], possible: cell))),
        ]))
}
