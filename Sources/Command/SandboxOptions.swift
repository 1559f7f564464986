import ArgumentParser
import Glibc
import KeeperWire
import KernelRuntime

/// The options of every command that makes a sandbox.
struct SandboxOptions: ParsableArguments {
    enum Workdir: String, ExpressibleByArgument { case rw, ro, none }
    enum Network: String, ExpressibleByArgument { case none, host }
    enum Landlock: String, ExpressibleByArgument { case on, off }

    @Option(help: "The Python to run: of a virtual environment, or of the system.")
    var python: String?

    @Option(help: ArgumentHelp("A folder or file of yours to show inside.", valueName: "host:inside[:ro]"))
    var mount: [String] = []

    @Option(
        help: ArgumentHelp(
            "The system to see inside instead of this machine's: a folder, a tar file, or an OCI layout; --python is "
                + "then a path in it.", valueName: "dir|tar|oci[:tag]"))
    var image: String?

    @Option(help: "How the folder you start in is shown inside: rw, ro or none.")
    var workdir: Workdir = .rw

    @Option(help: ArgumentHelp("A variable for the sandbox: NAME copies yours.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(help: "none: loopback only. host: this machine's network, with all that listens on it.")
    var network: Network = .none

    @Option(help: "Landlock as a second wall: on where there is one, or off, for checkpoints.")
    var landlock: Landlock = .on

    @OptionGroup(title: "Limits") var limits: LimitOptions

    @Option(help: "Join the sandbox of this name, or make it.")
    var sandbox: String?

    @Option(help: "Whom the use of the sandbox is put down to; your user name otherwise.")
    var owner: String?

    @Option(help: "Folder for sockets and journals.")
    var state: String?

    /// The state directory.
    var stateDirectory: String { StateDirectories.resolve(state) }

    /// Whom the use of the sandbox is put down to.
    var ownerName: String {
        owner ?? Environment["USER"] ?? (getpwuid(geteuid())).map { String(cString: $0.pointee.pw_name) }
            ?? "\(geteuid())"
    }

    /// The order for a kernel.
    func order(_ kernel: String, _ plan: Plan, orphanSeconds: UInt64 = 0) -> KernelOrder {
        KernelOrder(
            kernel: kernel, sandboxName: sandbox ?? "", owner: ownerName, orphanSeconds: orphanSeconds,
            sandbox: plan.sandbox, interpreter: plan.interpreter)
    }

    /// What the options amount to.
    struct Plan {
        var sandbox = SandboxSpec()
        var interpreter: InterpreterSpec
        /// What a user should know and did not ask for, a sentence each.
        var notices: [String] = []
    }

    /// Resolves the options for a kernel.
    ///
    /// - Parameters:
    ///   - folder: shown inside as the work folder; the kernel starts there.
    ///   - arguments: what the interpreter's own side is told.
    ///   - kernelspec: whose variables are shown inside.
    func plan(
        in folder: String = Files.currentDirectory, telling arguments: [String] = [], kernelspec: Kernelspec? = nil
    ) throws -> Plan {
        let installation = try Installation.current()
        let image = try self.image.map { try ImageStore(data: UserData.cache()).folder(of: $0) }
        let python =
            try image.map { try PythonInstallation(self.python, in: $0) } ?? PythonInstallation(self.python)
        let environment = try environment(python, kernelspec)
        var plan = Plan(
            interpreter: InterpreterSpec(
                door: python.door(installation, environment, arguments), environment: environment,
                directory: "/home/user", arguments: arguments))
        plan.sandbox.mounts = python.mounts(installation)
        plan.sandbox.image = image ?? ""
        plan.sandbox.network = network == .host ? .host : .none
        if network == .host {
            plan.notices.append(
                "--network host: the sandbox can reach everything that this machine can, its own services too.")
        }
        plan.sandbox.limits = try limits.sandbox()
        plan.sandbox.usesLandlock = landlock == .on
        try mountWorkdir(folder, &plan)
        for text in mount { plan.sandbox.mounts.append(try SandboxOptions.mount(text)) }
        plan.sandbox.mounts = SandboxOptions.inOrder(plan.sandbox.mounts)
        return plan
    }

    /// Outer folders first, so that each mount is seen; of two at one place the later one stays.
    private static func inOrder(_ mounts: [SandboxSpec.Mount]) -> [SandboxSpec.Mount] {
        func depth(_ path: String) -> Int { path.split(separator: "/").count }
        var last: [String: SandboxSpec.Mount] = [:]
        for mount in mounts { last[mount.inside] = mount }
        return last.values.sorted { (depth($0.inside), $0.inside) < (depth($1.inside), $1.inside) }.filter { mount in
            // A link in a folder that is shown as it is leads to where its end is mounted; nothing can lie on the link.
            guard let end = Files.resolved(mount.inside), end != mount.inside, last[end] != nil else { return true }
            return !last.values.contains { $0.host == $0.inside && mount.inside.hasPrefix($0.inside + "/") }
        }
    }

    private func mountWorkdir(_ folder: String, _ plan: inout Plan) throws {
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
        if folder == "/" { return "it is the whole machine" }
        // A user of a container's may have no entry in passwd(5), and then no home.
        if let home = Environment["HOME"].flatMap(Files.resolved)
            ?? getpwuid(geteuid()).map({ String(cString: $0.pointee.pw_dir) })
        {
            if folder == home { return "it is your home" }
            if home.hasPrefix(folder + "/") { return "it holds your home" }
        }
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

    private func environment(_ python: PythonInstallation, _ kernelspec: Kernelspec?) throws -> [String] {
        var variables = python.environment + ["HOME=/home/user", "USER=user", "LOGNAME=user", "SHELL=/bin/bash"]
        if Environment["LANG"] == nil { variables.append("LANG=C.UTF-8") }
        variables += Environment.all.filter { Environment.passes($0.name) }.map { "\($0.name)=\($0.value)" }
        for text in (kernelspec?.variables ?? []) + env {
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
