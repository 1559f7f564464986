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
