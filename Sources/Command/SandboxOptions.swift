import ArgumentParser
import Glibc
import KeeperWire
import KernelRuntime

/// The options of every command that makes a sandbox.
struct SandboxOptions: ParsableArguments {
    enum Workdir: String, ExpressibleByArgument { case rw, ro, none }
    enum Network: String, ExpressibleByArgument { case none, host }

    @Option(help: "The Python to run: of a virtual environment, or of the system.")
    var python: String?

    @Option(help: ArgumentHelp("A folder or file of yours to show inside.", valueName: "host:inside[:ro]"))
    var mount: [String] = []

    @Option(help: "How the folder you start in is shown inside: rw, ro or none.")
    var workdir: Workdir = .rw

    @Option(help: ArgumentHelp("A variable for the sandbox: NAME copies yours.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(help: "none: loopback only. host: this machine's network, with all that listens on it.")
    var network: Network = .none

    @Option(help: "Memory limit, for example 512M or 2G (needs cgroups).")
    var memory: String?

    @Option(help: "Limit of processes and threads.")
    var pids: UInt64 = 4096

    @Option(help: "Limit of CPUs, for example 1.5 (needs cgroups).")
    var cpus: Double?

    @Option(help: "Join the sandbox of this name, or make it.")
    var sandbox: String?

    @Option(help: "Folder for sockets and journals.")
    var state: String?

    /// The state directory.
    var stateDirectory: String {
        if let named = state ?? Environment["HUSK_STATE"] { return Files.absolute(named) }
        if geteuid() == 0 { return "/run/husk" }
        if let runtime = Environment["XDG_RUNTIME_DIR"], Files.isDirectory(runtime) { return "\(runtime)/husk" }
        return "/tmp/husk-\(geteuid())"
    }

    /// What the options amount to.
    struct Plan {
        var sandbox = SandboxSpec()
        var interpreter: InterpreterSpec
        /// What a user should know and did not ask for, a sentence each.
        var notices: [String] = []
    }

    /// Resolves the options for a kernel that starts in the current directory.
    func plan() throws -> Plan {
        let installation = try Installation.current()
        let python = try PythonInstallation(self.python)
        var plan = Plan(
            interpreter: InterpreterSpec(door: python.door(installation), environment: [], directory: "/home/user"))
        plan.sandbox.mounts = python.mounts(installation)
        plan.sandbox.network = network == .host ? .host : .none
        if network == .host {
            plan.notices.append(
                "--network host: the sandbox can reach everything that this machine can, its own services too.")
        }
        try limit(&plan.sandbox.limits)
        try mountWorkdir(&plan)
        for text in mount { plan.sandbox.mounts.append(try SandboxOptions.mount(text)) }
        plan.interpreter.environment = try environment(python)
        return plan
    }

    private func limit(_ limits: inout SandboxLimits) throws {
        limits.processes = pids
        if let memory {
            guard let bytes = ByteCount(memory) else {
                throw Failure("--memory \(memory): write a number and K, M or G, such as 512M", status: Failure.usage)
            }
            limits.memory = bytes.bytes
        }
        if let cpus {
            guard cpus > 0.01, cpus < 10_000 else {
                throw Failure("--cpus \(cpus): it must be above 0.01", status: Failure.usage)
            }
            limits.milliCPUs = UInt64(cpus * 1000)
        }
    }

    private func mountWorkdir(_ plan: inout Plan) throws {
        let folder = Files.currentDirectory
        guard workdir != .none else { return }
        if let reason = SandboxOptions.reasonNotToShow(folder) {
            plan.notices.append(
                "The folder \(folder) is not shown inside: \(reason). Use --mount to show a part of it.")
            return
        }
        plan.sandbox.mounts.append(.init(host: folder, inside: folder, mode: workdir == .rw ? .readWrite : .readOnly))
        plan.interpreter.directory = folder
    }

    /// Why a folder would show far more than a notebook's data.
    private static func reasonNotToShow(_ folder: String) -> String? {
        let home = Environment["HOME"].flatMap(Files.resolved) ?? String(cString: getpwuid(geteuid()).pointee.pw_dir)
        if folder == "/" { return "it is the whole machine" }
        if folder == home { return "it is your home" }
        if home.hasPrefix(folder + "/") { return "it holds your home" }
        let system = [
            "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr",
            "/var",
        ]
        if system.contains(folder) || folder.hasPrefix("/usr/") || folder.hasPrefix("/etc/")
            || folder.hasPrefix("/proc/")
            || folder.hasPrefix("/sys/") || folder.hasPrefix("/dev/")
        {
            return "it is the system's"
        }
        return nil
    }

    private static func mount(_ text: String) throws -> SandboxSpec.Mount {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var mode = SandboxSpec.Mount.Mode.readWrite
        if parts.count == 3, parts[2] == "ro" || parts[2] == "rw" {
            mode = parts.removeLast() == "ro" ? .readOnly : .readWrite
        }
        guard parts.count == 2, !parts[0].isEmpty, parts[1].hasPrefix("/") else {
            throw Failure(
                "--mount \(text): write HOST:INSIDE or HOST:INSIDE:ro, INSIDE absolute", status: Failure.usage)
        }
        guard let host = Files.resolved(parts[0]) else {
            throw Failure("--mount \(text): \(parts[0]) does not exist", status: Failure.usage)
        }
        let inside = Files.absolute(parts[1])
        guard inside != "/",
            !["/proc", "/dev", "/sys", "/opt/husk"].contains(where: { inside == $0 || inside.hasPrefix($0 + "/") })
        else { throw Failure("--mount \(text): \(inside) is the sandbox's own", status: Failure.usage) }
        return .init(host: host, inside: inside, mode: mode)
    }

    private func environment(_ python: PythonInstallation) throws -> [String] {
        var variables = python.environment + ["HOME=/home/user", "USER=user", "LOGNAME=user", "SHELL=/bin/bash"]
        if Environment["LANG"] == nil { variables.append("LANG=C.UTF-8") }
        variables += Environment.all.filter { Environment.passes($0.name) }.map { "\($0.name)=\($0.value)" }
        for text in env {
            let name = String(text.prefix { $0 != "=" })
            guard !name.isEmpty else { throw Failure("--env \(text): it has no name", status: Failure.usage) }
            variables.removeAll { $0.hasPrefix("\(name)=") }
            if text.contains("=") {
                variables.append(text)
            } else if let value = Environment[name] {
                variables.append("\(name)=\(value)")
            }
        }
        return variables
    }
}

/// A number of bytes as people write it.
struct ByteCount: Hashable {
    let bytes: UInt64

    init?(_ text: String) {
        var digits = text.uppercased()
        if digits.hasSuffix("IB") { digits.removeLast(2) } else if digits.hasSuffix("B") { digits.removeLast() }
        let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
        var shift: UInt64 = 0
        if let last = digits.last, let found = shifts[last] {
            shift = found
            digits.removeLast()
        }
        guard let value = UInt64(digits), value > 0, value < 1 << 20 else {
            guard shift == 0, let value = UInt64(digits), value > 0 else { return nil }
            bytes = value
            return
        }
        bytes = value << shift
    }
}

/// A time as people write it: `90`, `30s`, `2m`, `1.5h`, `500ms`.
struct DurationArgument: ExpressibleByArgument, Hashable {
    let duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("", 1)]
        for (suffix, factor) in units where argument.hasSuffix(suffix) {
            guard let value = Double(argument.dropLast(suffix.count)), value >= 0, value * factor < 1e9 else {
                continue
            }
            duration = .seconds(value * factor)
            return
        }
        return nil
    }
}
