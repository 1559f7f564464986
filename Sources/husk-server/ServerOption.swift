/// An option of `husk serve`, for those who give it by a file or the environment.
struct ServerOption: Hashable, Sendable {
    /// What it takes.
    enum Kind: String, Hashable, Sendable {
        case text = "a text"
        case integer = "an integer"
        case number = "a number"
        case flag = "true or false"
        /// Texts; the option is given once for each.
        case list = "a list of texts"
    }

    /// Its name, without the dashes.
    let name: String
    let kind: Kind

    /// The name of its variable.
    var variable: String { "HUSK_\(name.uppercased().replacing("-", with: "_"))" }

    /// All options, those of the sandbox among them; the file itself is none that could be in it.
    static let all: [String: ServerOption] = {
        var all: [String: ServerOption] = [:]
        func add(_ kind: Kind, _ names: String...) {
            for name in names { all[name] = ServerOption(name: name, kind: kind) }
        }
        add(.text, "host", "token", "root", "kernel-name", "allow-origin")
        add(.integer, "port", "orphan-timeout")
        add(.integer, "cull-idle-timeout", "cull-interval")
        add(.flag, "cull-connected", "cull-busy")
        add(.text, "prices")
        add(.text, "certificate", "key", "otlp-endpoint", "log-format", "log-level")
        add(.flag, "public-metrics")
        add(.text, "python", "image", "workdir", "network", "landlock", "sandbox", "owner", "state")
        add(.list, "mount", "env")
        add(.text, "memory", "file-size", "disk", "cell-timeout", "output-limit", "lifetime", "idle-timeout")
        add(.number, "cpus")
        add(.integer, "cpu-weight", "pids", "open-files", "max-kernels")
        add(.flag, "best-effort-limits")
        return all
    }()
}
