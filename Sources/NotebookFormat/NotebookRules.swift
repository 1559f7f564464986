import JupyterProtocol

/// What nbformat's schemas of version 4 ask of a notebook (`nbformat.v4.*.schema.json`), which differ by minor version.
///
/// nbformat gives ids to cells that lack them, and others to those that share one: neither makes a notebook invalid.
struct NotebookRules: Sendable {
    /// The last minor version that has a schema. In a later one there may be members, cells and outputs of which
    /// nothing is known yet (nbformat, `get_validator`).
    private static let newest: Int64 = 5

    private let minor: Int64

    /// The rules of a minor version; a notebook that names none has those of the first.
    init(minor: JSONValue?) throws(NotebookError) {
        let minor = minor ?? 0
        try ValueRule.whole(from: 0).check(minor, at: "nbformat_minor")
        self.minor = minor.integerValue ?? 0
    }

    private var isLater: Bool { minor > NotebookRules.newest }
    private var others: @Sendable (String) -> ValueRule? { isLater ? MemberRules.open : MemberRules.closed }

    /// The rule for the whole.
    var notebook: ValueRule {
        .members(
            MemberRules(
                needed: [
                    "metadata": metadata, "nbformat": .whole(from: 4), "nbformat_minor": .anything,
                    "cells": .list(of: cell),
                ], others: others))
    }

    private var metadata: ValueRule {
        let mode = ValueRule.value(
            isValid: { $0.stringValue != nil || $0.objectValue != nil }, problem: "is neither a text nor an object")
        var possible: [String: ValueRule] = [
            "kernelspec": .members(MemberRules(needed: ["name": .text, "display_name": .text])),
            "language_info": .members(
                MemberRules(
                    needed: ["name": .text],
                    possible: [
                        "codemirror_mode": mode, "file_extension": .text, "mimetype": .text, "pygments_lexer": .text,
                    ])),
        ]
        if minor >= 2 { possible.merge(["title": .text, "authors": .list(of: .anything)]) { _, new in new } }
        return .members(MemberRules(possible: possible))
    }

    // MARK: - Cells

    private var cell: ValueRule {
        var code: [String: ValueRule] = ["collapsed": .flag, "scrolled": NotebookRules.scrolled]
        if minor >= 4 { code["execution"] = .members(MemberRules(others: { _ in .text })) }
        let bundle = bundle
        let attachments: [String: ValueRule] = ["attachments": .members(MemberRules(others: { _ in bundle }))]
        return .kind(
            in: "cell_type",
            [
                "code": cell(metadata: code, needed: ["outputs": .list(of: output), "execution_count": .count]),
                "markdown": cell(metadata: [:], possible: attachments),
                "raw": cell(metadata: ["format": .text], possible: attachments),
            ], other: isLater ? MemberRules(needed: ["metadata": cellMetadata([:])]) : nil)
    }

    private func cell(
        metadata: [String: ValueRule], needed: [String: ValueRule] = [:], possible: [String: ValueRule] = [:]
    ) -> MemberRules {
        let common: [String: ValueRule] = ["cell_type": .text, "metadata": cellMetadata(metadata), "source": .lines]
        return MemberRules(
            needed: needed.merging(common) { own, _ in own },
            possible: minor >= 5 ? possible.merging(["id": NotebookRules.id]) { own, _ in own } : possible,
            others: others)
    }

    private func cellMetadata(_ own: [String: ValueRule]) -> ValueRule {
        var possible = own.merging(["name": NotebookRules.name, "tags": NotebookRules.tags]) { own, _ in own }
        if minor >= 3 { possible["jupyter"] = .object }
        return .members(MemberRules(possible: possible))
    }

    // MARK: - Outputs

    private var output: ValueRule {
        func rules(_ needed: [String: ValueRule]) -> MemberRules {
            MemberRules(needed: needed.merging(["output_type": .text]) { own, _ in own }, others: others)
        }
        return .kind(
            in: "output_type",
            [
                "execute_result": rules(["data": bundle, "metadata": .object, "execution_count": .count]),
                "display_data": rules(["data": bundle, "metadata": .object]),
                "stream": rules(["name": .text, "text": .lines]),
                "error": rules(["ename": .text, "evalue": .text, "traceback": .list(of: .text)]),
            ], other: isLater ? MemberRules() : nil)
    }

    /// Representations by their media types: texts, and any value where the type is JSON's.
    private var bundle: ValueRule {
        let isLater = isLater
        return .members(
            MemberRules(others: { isLater || MultilineText.isJSON(mediaType: $0) ? .anything : .lines }))
    }

    // MARK: - Values

    private static let scrolled = ValueRule.value(
        isValid: { $0.boolValue != nil || $0 == "auto" }, problem: "is neither true, false nor \"auto\"")

    private static let id = ValueRule.value(
        isValid: { value in
            guard let id = value.stringValue, (1...64).contains(id.utf8.count) else { return false }
            return id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        }, problem: "is not 1 to 64 letters, digits, - or _")

    private static let name = ValueRule.value(
        isValid: { $0.stringValue.map { !$0.isEmpty } ?? false }, problem: "is not a text of at least one character")

    private static let tags = ValueRule.value(
        isValid: { value in
            guard let tags = value.arrayValue, Set(tags).count == tags.count else { return false }
            return tags.allSatisfy { tag in
                tag.stringValue.map { !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: ",")) } ?? false
            }
        }, problem: "is not a list of different texts without commas")
}
