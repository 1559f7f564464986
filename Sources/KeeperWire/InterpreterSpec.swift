/// How an interpreter, or another program that somebody talks to, is started inside a sandbox.
public struct InterpreterSpec: Hashable, Sendable {
    /// The ways in.
    public enum Door: Hashable, Sendable {
        /// Forked from a warm host, which is started for `profile` when there is none yet.
        case fork(profile: HostProfile)
        /// A program of the sandbox, executed.
        case exec(path: String, arguments: [String])
        /// A program of the sandbox, executed on a terminal of its own. The order carries one descriptor alone: the end
        /// of a message socket by which the terminal's master comes back.
        case terminal(path: String, arguments: [String])

        /// Whether it opens on a terminal.
        public var isTerminal: Bool { if case .terminal = self { true } else { false } }
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
        case .terminal(let path, let arguments):
            writer.append(UInt8(2))
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
        case 2: door = .terminal(path: path, arguments: arguments)
        default: throw .malformed("door")
        }
        environment = try reader.strings()
        directory = try reader.string()
        self.arguments = try reader.strings()
    }
}
