import Glibc

/// This process's environment, and the little of it that a sandbox sees.
enum Environment {
    static subscript(name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static var all: [(name: String, value: String)] {
        var variables: [(String, String)] = []
        var position = environ
        while let entry = position.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables.append((String(text[..<equals]), String(text[text.index(after: equals)...])))
            }
            position += 1
        }
        return variables
    }

    /// Whether a variable is about how things look, and so passes into a sandbox by itself.
    static func passes(_ name: String) -> Bool {
        if name.hasPrefix("LC_") || name.contains("COLOR") { return true }
        if name.hasPrefix("PYTHON") { return name != "PYTHONHOME" }
        return [
            "LANG", "TZ", "TERM", "COLUMNS", "JPY_SESSION_NAME", "IPYKERNEL_CELL_NAME", "MPLBACKEND",
        ].contains(name)
    }
}
