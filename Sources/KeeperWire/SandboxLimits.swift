/// What a sandbox may use up. Zero means no limit of Husk's.
public struct SandboxLimits: Hashable, Sendable {
    /// Bytes of memory of everything inside, swap and files in memory included; by control group.
    public var memory: UInt64 = 0
    /// Processes and threads, by RLIMIT_NPROC inside the user namespace.
    public var processes: UInt64 = 4096
    /// Thousandths of a CPU, by control group.
    public var milliCPUs: UInt64 = 0
    /// The share of the CPUs when they are wanted by others too, 1 to 10,000; by control group.
    public var cpuWeight: UInt64 = 100
    /// Open files of each process, by RLIMIT_NOFILE.
    public var openFiles: UInt64 = 65_536
    /// Bytes of each file that is written, by RLIMIT_FSIZE.
    public var fileSize: UInt64 = 0
    /// Bytes of everything that is written outside the mounts: the temporary folders, the home, the layers.
    public var disk: UInt64 = 8 << 30
    /// How many kernels a state directory may hold when this one starts.
    public var kernels: UInt64 = 0
    /// Whether a limit that this machine cannot enforce is replaced by the next best thing, and said, instead of
    /// being an error.
    public var isBestEffort = false

    /// The defaults.
    public init() {}

    func encode(into writer: inout WireWriter) {
        for value in [memory, processes, milliCPUs, cpuWeight, openFiles, fileSize, disk, kernels] {
            writer.append(value)
        }
        writer.append(isBestEffort)
    }

    init(from reader: inout WireReader) throws(WireError) {
        memory = try reader.integer()
        processes = try reader.integer()
        milliCPUs = try reader.integer()
        cpuWeight = try reader.integer()
        openFiles = try reader.integer()
        fileSize = try reader.integer()
        disk = try reader.integer()
        kernels = try reader.integer()
        isBestEffort = try reader.boolean()
    }
}
