import ArgumentParser
import KeeperWire
import KernelRuntime

/// The options for what a sandbox may use up, and a kernel may do.
struct LimitOptions: ParsableArguments {
    @Option(help: "Memory of everything inside, for example 512M or 2G (needs cgroups).")
    var memory: ByteCount?

    @Option(help: "CPUs, for example 1.5 (needs cgroups).")
    var cpus: Double?

    @Option(help: "The share of the CPUs beside other sandboxes, 1 to 10000.")
    var cpuWeight: UInt64 = 100

    @Option(help: "Processes and threads; 0 for as many as the machine allows.")
    var pids: UInt64 = 4096

    @Option(help: "Open files of each process.")
    var openFiles: UInt64 = 65_536

    @Option(help: "The size of each file that is written.")
    var fileSize: ByteCount?

    @Option(help: "All that is written outside the mounts; it is held in memory. (default: 8G, or half of --memory)")
    var disk: ByteCount?

    @Option(help: "Time for each cell, for example 30s or 2m; then it is interrupted.")
    var cellTimeout: DurationArgument?

    @Option(help: "What each cell may print and show; then it is interrupted.")
    var outputLimit: ByteCount?

    @Option(help: "How long the kernel may live.")
    var lifetime: DurationArgument?

    @Option(help: "How long the kernel may wait without a request.")
    var idleTimeout: DurationArgument?

    @Option(help: "How many kernels there may be in the state directory when this one starts; 0 for any number.")
    var maxKernels: UInt64 = 0

    @Flag(help: "Take less where a limit cannot be enforced, and say so, instead of an error.")
    var bestEffortLimits = false

    /// The sandbox's limits.
    func sandbox() throws -> SandboxLimits {
        var limits = SandboxLimits()
        limits.memory = memory?.bytes ?? 0
        if let cpus {
            guard cpus > 0.01, cpus < 10_000 else {
                throw Failure("--cpus \(cpus): it must be above 0.01", status: Failure.usage)
            }
            limits.milliCPUs = UInt64(cpus * 1000)
        }
        guard (1...10_000).contains(cpuWeight) else {
            throw Failure("--cpu-weight \(cpuWeight): it must be from 1 to 10000", status: Failure.usage)
        }
        guard openFiles >= 32 else {
            throw Failure("--open-files \(openFiles): an interpreter needs 32 to start", status: Failure.usage)
        }
        limits.cpuWeight = cpuWeight
        limits.processes = pids
        limits.openFiles = openFiles
        limits.fileSize = fileSize?.bytes ?? 0
        // What is written is memory, too: it should run out before that does, so that the error says what ran out.
        limits.disk = disk?.bytes ?? memory.map { min($0.bytes / 2, limits.disk) } ?? limits.disk
        limits.kernels = maxKernels
        limits.isBestEffort = bestEffortLimits
        return limits
    }

    /// The kernel's limits.
    func kernel() -> KernelLimits {
        var limits = KernelLimits()
        limits.cellTime = cellTimeout?.duration
        limits.output = outputLimit?.bytes
        limits.lifetime = lifetime?.duration
        limits.idleTime = idleTimeout?.duration
        return limits
    }
}
