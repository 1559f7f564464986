import JupyterProtocol
import NotebookFormat
import Testing

@Suite("Notebooks")
struct NotebookTests {
    static let stored = """
        {
         "cells": [
          {
           "cell_type": "code",
           "execution_count": 1,
           "id": "a",
           "metadata": {},
           "outputs": [
            {
             "name": "stdout",
             "output_type": "stream",
             "text": [
              "one\\n",
              "é"
             ]
            }
           ],
           "source": [
            "print('one')\\n",
            "x"
           ]
          }
         ],
         "metadata": {
          "kept": [
           1
          ]
         },
         "nbformat": 4,
         "nbformat_minor": 5
        }

        """

    @Test("Reading and writing gives the same bytes")
    func roundTrip() throws {
        let notebook = try Notebook(parsing: Array(Self.stored.utf8))
        #expect(notebook.cells[0].source == "print('one')\nx")
        #expect(String(decoding: notebook.encoded(), as: UTF8.self) == Self.stored)
    }

    @Test(
        "What is wrong is named",
        arguments: [
            ("x", ""), ("[]", ""), ("{}", "nbformat"), (#"{"nbformat":3,"cells":[]}"#, "nbformat"),
            (#"{"nbformat":4}"#, "cells"), (#"{"nbformat":4,"cells":[{}]}"#, "cells[0].cell_type"),
            (#"{"nbformat":4,"cells":[{"cell_type":"code","source":1}]}"#, "cells[0].source"),
        ])
    func defects(_ text: String, _ place: String) {
        let error = #expect(throws: NotebookError.self) { try Notebook(parsing: Array(text.utf8)) }
        #expect(error?.place == place)
    }

    @Test(
        "A notebook that breaks a rule is read whole, and the rule is named",
        arguments: [
            ("nbformat_minor", nil, "nbformat_minor"), ("nbformat_minor", "-1", "nbformat_minor"), ("x", "1", "x"),
            ("metadata", #"{"kernelspec":{"name":"a"}}"#, "metadata.kernelspec.display_name"),
            ("metadata", #"{"language_info":{"name":1}}"#, "metadata.language_info.name"),
        ])
    func wholeDefects(_ name: String, _ member: String?, _ place: String) throws {
        var value = try JSONValue(parsing: Array(Self.stored.utf8))
        value[name] = try member.map { try JSONValue(parsing: Array($0.utf8)) }
        #expect(try NotebookDocument(value).defect?.place == place)
    }

    @Test(
        "What is wrong with a cell is named",
        arguments: [
            ("cell_type", #""wrong""#, "cell_type"), ("source", nil, "source"), ("source", "1", "source"),
            ("outputs", nil, "outputs"), ("execution_count", nil, "execution_count"),
            ("execution_count", "-1", "execution_count"), ("execution_count", "1.5", "execution_count"),
            ("id", #""a b""#, "id"), ("x", "1", "x"), ("attachments", "{}", "attachments"),
            ("metadata", #"{"tags":["a","a"]}"#, "metadata.tags"), ("metadata", #"{"name":""}"#, "metadata.name"),
            ("metadata", #"{"scrolled":"x"}"#, "metadata.scrolled"),
            ("metadata", #"{"execution":{"x":1}}"#, "metadata.execution.x"),
            ("outputs", "[{}]", "outputs[0].output_type"),
            ("outputs", #"[{"output_type":"stream","text":""}]"#, "outputs[0].name"),
            (
                "outputs", #"[{"output_type":"display_data","metadata":{},"data":{"text/plain":1}}]"#,
                "outputs[0].data.text/plain"
            ),
            (
                "outputs", #"[{"output_type":"error","ename":"","evalue":"","traceback":[1]}]"#,
                "outputs[0].traceback[0]"
            ),
        ])
    func cellDefects(_ name: String, _ member: String?, _ place: String) throws {
        var value = try JSONValue(parsing: Array(Self.stored.utf8))
        var cell = try #require(value["cells"]?.arrayValue?.first)
        cell[name] = try member.map { try JSONValue(parsing: Array($0.utf8)) }
        value["cells"] = [cell]
        #expect(try NotebookDocument(value).defect?.place == "cells[0].\(place)")
    }

    @Test("A version's rules are its own")
    func versions() throws {
        var value = try JSONValue(parsing: Array(Self.stored.utf8))
        let whole = try NotebookDocument(value)
        #expect(whole.defect == nil && String(decoding: whole.encoded(), as: UTF8.self) == Self.stored)
        value["nbformat_minor"] = 4
        #expect(try NotebookDocument(value).defect?.place == "cells[0].id")
        value["cells"] = [["cell_type": "new", "metadata": [:]]]
        #expect(try NotebookDocument(value).defect?.place == "cells[0].cell_type")
        value["nbformat_minor"] = 6
        #expect(try NotebookDocument(value).defect == nil)
    }

    @Test(
        "What has no cells that could be shown is no notebook",
        arguments: [
            ("x", ""), ("[]", ""), (#"{"nbformat":4,"metadata":{}}"#, "cells"),
            (#"{"nbformat":4,"cells":[]}"#, "metadata"), (#"{"nbformat":4,"metadata":{},"cells":[1]}"#, "cells[0]"),
            (
                #"{"nbformat":4,"metadata":{},"cells":[{"metadata":{},"cell_type":"code","outputs":[1]}]}"#,
                "cells[0].outputs[0]"
            ),
            (
                #"{"nbformat":4,"metadata":{},"cells":[{"metadata":{},"cell_type":"x","source":[1]}]}"#,
                "cells[0].source"
            ),
        ])
    func unreadable(_ text: String, _ place: String) {
        let error = #expect(throws: NotebookError.self) { try NotebookDocument(parsing: Array(text.utf8)) }
        #expect(error?.place == place)
    }

    @Test("A notebook of version 3 becomes one of version 4")
    func upgrade() throws {
        let old = #"""
            {"nbformat":3,"metadata":{"name":"n"},"worksheets":[{"cells":[
              {"cell_type":"heading","level":2,"source":["a\n","b\r\n"]},
              {"cell_type":"code","input":["x\n","y"],"prompt_number":2,"collapsed":true,"language":"python","outputs":[
                {"output_type":"pyout","prompt_number":2,"text":["1\n","2"],"json":"[1]"},
                {"output_type":"stream","stream":"stderr","text":"e"}]}]}]}
            """#
        let document = try NotebookDocument(parsing: Array(old.utf8))
        #expect(document.defect == nil)
        #expect(
            document.joined == [
                "nbformat": 4, "nbformat_minor": 5, "metadata": ["orig_nbformat": 3, "orig_nbformat_minor": 0],
                "cells": [
                    ["cell_type": "markdown", "id": "cell-1", "metadata": [:], "source": "## a b"],
                    [
                        "cell_type": "code", "id": "cell-2", "metadata": ["collapsed": true], "source": "x\ny",
                        "execution_count": 2,
                        "outputs": [
                            [
                                "output_type": "execute_result", "execution_count": 2, "metadata": [:],
                                "data": ["text/plain": "1\n2", "application/json": [1]],
                            ], ["output_type": "stream", "name": "stderr", "text": "e"],
                        ],
                    ],
                ],
            ])
        // Only a file is upgraded, as nbformat does it: what a client saves is what it has.
        let value = try JSONValue(parsing: Array(old.utf8))
        #expect(throws: NotebookError.self) { try NotebookDocument(value) }
    }

    @Test("Python files are cells between # %% lines")
    func python() {
        #expect(Notebook(python: "a\n# %% x\nb\n# %%\n\n").cells.map(\.source) == ["a", "b\n"].map { $0.trimmed })
    }

    @Test("Streams are joined, cleared and updated as nbclient does")
    func collector() {
        var collector = OutputCollector()
        collector.add(type: "stream", content: ["name": "stdout", "text": "a"])
        collector.add(type: "stream", content: ["name": "stdout", "text": "b"])
        #expect(collector.outputs == [["output_type": "stream", "name": "stdout", "text": "ab"]])
        collector.add(type: "clear_output", content: ["wait": true])
        #expect(collector.outputs.count == 1)
        collector.add(type: "display_data", content: ["data": ["a": "1"], "transient": ["display_id": "d"]])
        collector.add(type: "update_display_data", content: ["data": ["a": "2"], "transient": ["display_id": "d"]])
        #expect(collector.outputs == [["output_type": "display_data", "data": ["a": "2"], "metadata": [:]]])
    }
}

extension String {
    /// Without the line end that a cell before another one keeps.
    fileprivate var trimmed: String { hasSuffix("\n") ? String(dropLast()) : self }
}
