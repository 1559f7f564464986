import JupyterProtocol
import LinuxKit

/// What a client says on the command line in the words of the kernel that it takes this one for. The server does not
/// know what it means; the file `options.json` of the language's folder says which words there are.
struct InterpreterOptions {
    /// For the interpreter, as they were given.
    let arguments: [String]

    /// Looks through what is no option of ours, and refuses what is nobody's.
    init(checking arguments: [String], _ installation: Installation) throws {
        self.arguments = arguments
        guard !arguments.isEmpty else { return }
        let known = try JSONValue(parsing: try WholeFile.read("\(installation.kernels)/python/options.json"))
        func words(_ name: String) -> Set<String> { Set(known[name]?.arrayValue?.compactMap(\.stringValue) ?? []) }
        let (flags, valued) = (words("flags"), words("options"))
        var mayHaveValue = false
        for argument in arguments {
            guard argument.hasPrefix("-") else {
                guard mayHaveValue else { throw InterpreterOptions.unknown(argument) }
                mayHaveValue = false
                continue
            }
            let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1)
            let name = parts.first.map(String.init) ?? ""
            let hasValue = InterpreterOptions.isTrait(name) || valued.contains(name)
            guard hasValue || flags.contains(name) else { throw InterpreterOptions.unknown(argument) }
            mayHaveValue = hasValue && parts.count == 1
        }
    }

    /// Where the client wants the history.
    var historyFile: String? {
        let prefix = "--HistoryManager.hist_file="
        return arguments.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    /// `Class.trait`, of whatever class.
    private static func isTrait(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count > 1 && (name.first?.isUppercase ?? false)
            && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } }
    }

    private static func unknown(_ argument: String) -> Failure {
        Failure("unknown option \(argument); see husk kernel --help", status: Failure.usage)
    }
}
