/// What a sandbox is to be like; values only.
public struct SandboxSpec: Hashable, Sendable {
    /// Which network a sandbox sees.
    public enum Network: UInt8, Hashable, Sendable {
        /// A network of its own with nothing but a loopback device.
        case none = 0
        /// The machine's own network, all of it.
        case host = 1
    }

    /// A folder or file of the host, seen inside.
    public struct Mount: Hashable, Sendable {
        /// How the inside may use it.
        public enum Mode: UInt8, Hashable, Sendable {
            /// Writes fail with EROFS.
            case readOnly = 0
            /// Writes reach the host.
            case readWrite = 1
            /// Writes go to a layer that ends with the sandbox.
            case overlay = 2
        }

        /// Absolute path on the host.
        public var host: String
        /// Absolute path inside.
        public var inside: String
        /// How it may be used.
        public var mode: Mode

        /// Describes a mount.
        public init(host: String, inside: String, mode: Mode) {
            self.host = host
            self.inside = inside
            self.mode = mode
        }
    }

    /// What the sandbox may use up. Zero means no limit of Husk's.
    public struct Limits: Hashable, Sendable {
        /// Bytes of memory, by cgroup.
        public var memory: UInt64 = 0
        /// Processes and threads, by RLIMIT_NPROC inside the user namespace.
        public var processes: UInt64 = 4096
        /// Thousandths of a CPU, by cgroup.
        public var milliCPUs: UInt64 = 0

        /// The defaults.
        public init() {}
    }

    /// Mounts beyond the system's own, applied in order: a later one may lie inside an earlier one.
    public var mounts: [Mount] = []
    /// The network.
    public var network: Network = .none
    /// The limits.
    public var limits = Limits()

    /// A sandbox without any of the user's files.
    public init() {}

    func encode(into writer: inout WireWriter) {
        writer.append(mounts) { writer, mount in
            writer.append(mount.host)
            writer.append(mount.inside)
            writer.append(mount.mode.rawValue)
        }
        writer.append(network.rawValue)
        writer.append(limits.memory)
        writer.append(limits.processes)
        writer.append(limits.milliCPUs)
    }

    init(from reader: inout WireReader) throws(WireError) {
        mounts = try reader.list { reader throws(WireError) in
            let host = try reader.string()
            let inside = try reader.string()
            guard let mode = Mount.Mode(rawValue: try reader.integer()) else { throw .malformed("mount mode") }
            return Mount(host: host, inside: inside, mode: mode)
        }
        guard let network = Network(rawValue: try reader.integer()) else { throw .malformed("network") }
        self.network = network
        limits.memory = try reader.integer()
        limits.processes = try reader.integer()
        limits.milliCPUs = try reader.integer()
    }
}
