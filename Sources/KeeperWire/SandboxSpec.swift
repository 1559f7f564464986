/// What a sandbox is to be like; values only.
public struct SandboxSpec: Hashable, Sendable {
    /// Which network a sandbox sees.
    public enum Network: UInt8, Hashable, Sendable {
        /// A network of its own with nothing but a loopback device.
        case none = 0
        /// The machine's own network, all of it.
        case host = 1
    }

    /// What programs of the host run or obey when they find it in a folder: read-only inside where it exists. Of a
    /// repository all of it: if only its hooks were, they could be moved aside with the folder that they are in, and a
    /// file `commondir` could name others (gitrepository-layout(5)).
    public static let obeyedNames = [
        ".claude", ".cursor", ".devcontainer", ".envrc", ".git", ".husky", ".idea", ".mcp.json",
        ".pre-commit-config.yaml",
        ".vscode",
    ]

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

    /// Mounts beyond the system's own, applied in order: a later one may lie inside an earlier one.
    public var mounts: [Mount] = []
    /// The folder with the system that is seen inside; empty for the machine's own.
    public var image = ""
    /// The network.
    public var network: Network = .none
    /// The limits.
    public var limits = SandboxLimits()
    /// Whether Landlock is the second wall round files, abstract sockets and signals, where the kernel has it. A
    /// process under Landlock cannot be checkpointed.
    public var usesLandlock = true

    /// A sandbox without any of the user's files.
    public init() {}

    func encode(into writer: inout WireWriter) {
        writer.append(mounts) { writer, mount in
            writer.append(mount.host)
            writer.append(mount.inside)
            writer.append(mount.mode.rawValue)
        }
        writer.append(image)
        writer.append(network.rawValue)
        limits.encode(into: &writer)
        writer.append(usesLandlock)
    }

    init(from reader: inout WireReader) throws(WireError) {
        mounts = try reader.list { reader throws(WireError) in
            let host = try reader.string()
            let inside = try reader.string()
            guard let mode = Mount.Mode(rawValue: try reader.integer()) else { throw .malformed("mount mode") }
            return Mount(host: host, inside: inside, mode: mode)
        }
        image = try reader.string()
        guard let network = Network(rawValue: try reader.integer()) else { throw .malformed("network") }
        self.network = network
        limits = try SandboxLimits(from: &reader)
        usesLandlock = try reader.boolean()
    }
}
