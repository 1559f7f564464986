import ArgumentParser

/// Yes or no, as Jupyter's programs take it on their command lines.
struct PythonFlag: ExpressibleByArgument {
    let isSet: Bool

    init?(argument: String) {
        switch argument.lowercased() {
        case "true", "1": isSet = true
        case "false", "0": isSet = false
        default: return nil
        }
    }
}
