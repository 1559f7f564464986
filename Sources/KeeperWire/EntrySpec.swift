/// How a process becomes an inhabitant of a sandbox.
public struct EntrySpec: Hashable, Sendable {
    /// CLONE_NEW* bits of the namespaces to enter.
    public var namespaces: UInt64
    /// `NAME=VALUE`, all of it.
    public var environment: [String]
    /// The working directory inside.
    public var directory: String
    /// What the language's side of the kernel is told; what it means is its business.
    public var arguments: [String]
    /// The limits that each process carries.
    public var limits: SandboxLimits
    /// RLIMIT_DATA, where no control group limits the memory; zero for none.
    public var dataSize: UInt64
    /// Whether the supplementary groups can be, and so are, emptied.
    public var clearsGroups: Bool
    /// Where code may write, for Landlock; nil without it.
    public var writablePaths: [String]?

    /// Describes an entry.
    public init(
        namespaces: UInt64, environment: [String], directory: String, arguments: [String] = [], limits: SandboxLimits,
        dataSize: UInt64 = 0, clearsGroups: Bool, writablePaths: [String]?
    ) {
        self.namespaces = namespaces
        self.environment = environment
        self.directory = directory
        self.arguments = arguments
        self.limits = limits
        self.dataSize = dataSize
        self.clearsGroups = clearsGroups
        self.writablePaths = writablePaths
    }

    func encode(into writer: inout WireWriter) {
        writer.append(namespaces)
        writer.append(environment)
        writer.append(directory)
        writer.append(arguments)
        limits.encode(into: &writer)
        writer.append(dataSize)
        writer.append(clearsGroups)
        writer.append(writablePaths != nil)
        if let writablePaths { writer.append(writablePaths) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        namespaces = try reader.integer()
        environment = try reader.strings()
        directory = try reader.string()
        arguments = try reader.strings()
        limits = try SandboxLimits(from: &reader)
        dataSize = try reader.integer()
        clearsGroups = try reader.boolean()
        writablePaths = try reader.boolean() ? try reader.strings() : nil
    }
}
