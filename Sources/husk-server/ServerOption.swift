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
    /// The numbers that it takes, where those are not all.
    var range: ClosedRange<Int>?

    /// The ports that there are; 0 stands for any.
    static let ports = 0...65535

    /// The name of its variable.
    var variable: String { "HUSK_\(name.uppercased().replacing("-", with: "_"))" }

    /// All options, those of the sandbox among them; the file itself is none that could be in it.
    static let all: [String: ServerOption] = {
        var all: [String: ServerOption] = [:]
        func add(_ kind: Kind, _ names: String..., from range: ClosedRange<Int>? = nil) {
            for name in names { all[name] = ServerOption(name: name, kind: kind, range: range) }
        }
        add(.text, "host", "token", "root", "kernel-name", "allow-origin")
        add(.integer, "port", from: ports)
        add(.integer, "orphan-timeout", from: 0...Int.max)
        // Jupyter Server takes one of less than 0 for none.
        add(.integer, "cull-idle-timeout", "cull-interval")
        add(.flag, "cull-connected", "cull-busy")
        add(.text, "prices")
        add(.text, "certificate", "key", "otlp-endpoint", "log-format", "log-level")
        add(.flag, "public-metrics")
        add(.text, "python", "image", "workdir", "network", "landlock", "sandbox", "owner", "state")
        add(.list, "mount", "env")
        add(.text, "memory", "file-size", "disk", "cell-timeout", "output-limit", "lifetime", "idle-timeout")
        add(.number, "cpus")
        add(.integer, "cpu-weight", "pids", "open-files", "max-kernels", from: 0...Int.max)
        add(.flag, "best-effort-limits")
        return all
    }()
}
