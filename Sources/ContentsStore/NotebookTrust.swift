import Crypto
import JupyterProtocol
import Synchronization

/// Which notebooks' outputs a page may run scripts of: those that were made here, or that the user trusts (nbformat,
/// "Signing notebooks"). It is forgotten with the server.
final class NotebookTrust: Sendable {
    /// Notebooks that are remembered at least.
    private static let capacity = 65_536

    private struct Known {
        var recent: Set<[UInt8]> = []
        var older: Set<[UInt8]> = []
    }

    private let known = Mutex(Known())

    /// The notebook with what is known of it in each code cell's metadata.
    func marked(_ notebook: JSONValue) -> JSONValue {
        let digest = NotebookTrust.digest(notebook)
        let isTrusted = known.withLock { $0.recent.contains(digest) || $0.older.contains(digest) }
        return NotebookTrust.mapCells(notebook) { cell in
            guard cell["cell_type"] == "code" else { return cell }
            var cell = cell
            var metadata = cell["metadata"] ?? [:]
            metadata["trusted"] = .bool(isTrusted)
            cell["metadata"] = metadata
            return cell
        }
    }

    /// Trusts a notebook from now on.
    func trust(_ notebook: JSONValue) {
        let digest = NotebookTrust.digest(notebook)
        known.withLock { known in
            if known.recent.count >= NotebookTrust.capacity { known = Known(recent: [], older: known.recent) }
            known.recent.insert(digest)
        }
    }

    /// Takes note of a notebook that is saved: it is trusted when all of its cells are.
    func noteSaved(_ notebook: JSONValue) {
        let cells = notebook["cells"]?.arrayValue ?? []
        if cells.allSatisfy(NotebookTrust.isHarmless) { trust(notebook) }
    }

    /// Whether the client trusts a cell, or it has nothing to distrust: text of streams and errors only.
    private static func isHarmless(_ cell: JSONValue) -> Bool {
        if cell["cell_type"] != "code" || cell["metadata"]?["trusted"] == true { return true }
        return (cell["outputs"]?.arrayValue ?? []).allSatisfy { output in
            switch output["output_type"]?.stringValue {
            case "execute_result", "display_data":
                Set(output.objectValue?.keys.map { $0 } ?? []).isSubset(of: [
                    "output_type", "execution_count", "metadata",
                ])
            default: true
            }
        }
    }

    /// The digest of a notebook without what says that it is trusted.
    private static func digest(_ notebook: JSONValue) -> [UInt8] {
        let plain = mapCells(notebook) { cell in
            guard var metadata = cell["metadata"], metadata["trusted"] != nil else { return cell }
            var cell = cell
            metadata["trusted"] = nil
            cell["metadata"] = metadata
            return cell
        }
        return Array(SHA256.hash(data: plain.encoded()))
    }

    private static func mapCells(_ notebook: JSONValue, _ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard let cells = notebook["cells"]?.arrayValue else { return notebook }
        var notebook = notebook
        notebook["cells"] = .array(cells.map(change))
        return notebook
    }
}
