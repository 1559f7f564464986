/// How an interpreter is started inside a sandbox.
public struct InterpreterSpec: Hashable, Sendable {
    /// The two ways in.
    public enum Door: Hashable, Sendable {
        /// Forked from a warm host, which is started for `profile` when there is none yet.
        case fork(profile: HostProfile)
        /// A program of the sandbox, executed.
        case exec(path: String, arguments: [String])
    }

    /// What a warm host is made of. Kernels with equal profiles are forked from one host.
    public struct HostProfile: Hashable, Sendable {
        /// The host's program on the machine.
        public var program: String
        /// Arguments for it; what they mean is the language's business.
        public var arguments: [String]

        /// Describes a host.
        public init(program: String, arguments: [String]) {
            self.program = program
            self.arguments = arguments
        }
    }

    /// The way in.
    public var door: Door
    /// `NAME=VALUE`, all of it: nothing is inherited.
    public var environment: [String]
    /// The working directory inside.
    public var directory: String
    /// What a forked interpreter is told; one that is executed has its own arguments.
    public var arguments: [String]

    /// Describes an interpreter.
    public init(door: Door, environment: [String], directory: String, arguments: [String] = []) {
        self.door = door
        self.environment = environment
        self.directory = directory
        self.arguments = arguments
    }

    func encode(into writer: inout WireWriter) {
        switch door {
        case .fork(let profile):
            writer.append(UInt8(0))
            writer.append(profile.program)
            writer.append(profile.arguments)
        case .exec(let path, let arguments):
            writer.append(UInt8(1))
            writer.append(path)
            writer.append(arguments)
        }
        writer.append(environment)
        writer.append(directory)
        writer.append(arguments)
    }

    init(from reader: inout WireReader) throws(WireError) {
        let kind = try reader.integer(UInt8.self)
        let path = try reader.string()
        let arguments = try reader.strings()
        switch kind {
        case 0: door = .fork(profile: HostProfile(program: path, arguments: arguments))
        case 1: door = .exec(path: path, arguments: arguments)
        default: throw .malformed("door")
        }
        environment = try reader.strings()
        directory = try reader.string()
        self.arguments = try reader.strings()
    }
}
