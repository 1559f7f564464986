import JupyterServerAPI

/// The path of a file or folder below the root of contents: names with slashes between them. The root has none.
struct ContentsPath: Hashable {
    var names: [String]

    /// Reads a path of the API; slashes at its ends mean nothing. Throws 404 for one that leads upwards, or is too long.
    init(_ text: String) throws(APIError) {
        try PathLength.check(text)
        // Of bytes: what combines with a slash or a dot makes another character of it, and no other path.
        names = text.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
            .filter { $0 != "." }
        if names.contains("..") { throw APIError(404, "\(text) is outside root contents directory") }
        if text.utf8.contains(0) { throw APIError(404, "\(PythonText.quoted(text)) is not a valid path") }
    }

    init(names: [String]) {
        self.names = names
    }

    static let root = ContentsPath(names: [])

    /// As the API writes it.
    var text: String { names.joined(separator: "/") }
    /// In messages: with the slash that it has in a URL.
    var quoted: String { PythonText.quoted(isRoot ? "" : "/" + text) }
    /// For system calls.
    var relative: String { names.isEmpty ? "." : text }
    var name: String { names.last ?? "" }
    var isRoot: Bool { names.isEmpty }
    /// The folder that it is in.
    var parent: ContentsPath { ContentsPath(names: Array(names.dropLast())) }
    /// Whether it, or a folder on the way to it, has a name with a dot in front.
    var isHidden: Bool { names.contains(where: ContentsPath.isHidden) }

    static func isHidden(_ name: String) -> Bool { name.utf8.first == UInt8(ascii: ".") }

    /// Whether it is the same byte for byte. File systems tell apart what is equal as text.
    func isSame(as other: ContentsPath) -> Bool { text.utf8.elementsEqual(other.text.utf8) }

    func appending(_ name: String) -> ContentsPath { ContentsPath(names: names + [name]) }

    /// Names that listings leave out, as Jupyter Server's do.
    static func isListed(_ name: String) -> Bool {
        !(name == ".DS_Store" || name == "__pycache__" || name.hasSuffix(".pyc") || name.hasSuffix(".pyo")
            || name.hasSuffix("~"))
    }
}
