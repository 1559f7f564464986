import ArgumentParser
import Glibc
public import JupyterProtocol
public import KeeperWire
public import KernelRuntime
import LinuxKit

/// Makes orders for a server's kernels from the sandbox options of its command line.
public struct KernelPlanner: Sendable {
    private let arguments: [String]
    private let orphanSeconds: UInt64
    private let installation: Installation
    /// The state directory.
    public let state: String
    /// How many kernels there may be; nil for as many as there is room for.
    public let maximum: Int?
    /// What the server sees to.
    public let limits: KernelLimits
    /// Where use is put down; nil for nowhere.
    public var ledger: String? { UserData.ledger }
    /// The keeper's program.
    public var keeper: String { installation.keeper }

    /// Reads sandbox options, as `husk kernel` has them.
    ///
    /// - Parameter orphanSeconds: how long kernels live without a server.
    public init(arguments: [String], orphanSeconds: UInt64) throws {
        self.arguments = arguments
        self.orphanSeconds = orphanSeconds
        installation = try Installation.current()
        let options = try SandboxOptions.parse(arguments)
        state = options.stateDirectory
        limits = options.limits.kernel()
        maximum = options.limits.maxKernels > 0 ? Int(clamping: options.limits.maxKernels) : nil
        // What is wrong with the options should be said now, and not with the first kernel.
        _ = try options.plan()
        // Whoever opens it next would only say that it is not there.
        if mkdir(state, 0o700) < 0, errno != EEXIST {
            throw Failure("the state directory \(state) cannot be made: \(SystemError.text(of: errno))")
        }
    }

    /// The order for a kernel.
    ///
    /// - Parameters:
    ///   - root: the folder that is shown inside.
    ///   - folder: where the kernel starts, in `root` or below.
    public func order(
        _ kernel: String, sandbox: String, root: String, folder: String, environment: [String: String]
    ) throws -> KernelOrder {
        var options = try SandboxOptions.parse(arguments)
        // The server counts them itself: a restart has two interpreters for a moment.
        options.limits.maxKernels = 0
        options.env += environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var plan = try options.plan(in: root)
        if plan.interpreter.directory == root { plan.interpreter.directory = folder }
        var order = options.order(kernel, plan, orphanSeconds: orphanSeconds)
        order.sandboxName = sandbox
        return order
    }

    /// The order for a terminal: a shell in a sandbox like the kernels', or in that of one of them.
    ///
    /// - Parameters:
    ///   - root: the folder that is shown inside.
    ///   - folder: where the shell starts, in `root` or below.
    public func terminal(_ name: String, sandbox: String, root: String, folder: String) throws -> KernelOrder {
        var order = try order(
            name, sandbox: sandbox, root: root, folder: folder, environment: ["TERM": "xterm-256color"])
        // An image need not have bash(1).
        let shell = "if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi"
        order.interpreter.door = .terminal(path: "/bin/sh", arguments: ["-c", shell])
        return order
    }

    /// The specification of the language's kernel, and the files beside it.
    public func specification() throws -> (spec: JSONValue, files: [String: [UInt8]]) {
        let folder = "\(installation.kernels)/python"
        var files: [String: [UInt8]] = [:]
        for name in Directory.entries(folder) where name.hasPrefix("logo-") {
            files[name] = try WholeFile.read("\(folder)/\(name)")
        }
        return (try JSONValue(parsing: try WholeFile.read("\(folder)/kernel.json")), files)
    }

    /// What is wrong with the options, a sentence for the user.
    public static func message(for error: any Error) -> String {
        (error as? Failure)?.text ?? SandboxOptions.message(for: error)
    }
}
