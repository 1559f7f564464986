/// What the keeper knows of a kernel.
public struct KernelFacts: Hashable, Sendable {
    /// Its name.
    public var kernel: String
    /// The name of its sandbox, under which others can join it.
    public var sandboxName: String
    /// Names the sandbox for ever; no other one has the same.
    public var sandboxID: String
    /// Whom it is put down to.
    public var owner: String
    /// The interpreter's pid on the machine.
    public var pid: Int32
    /// The pid of the sandbox's PID 1 on the machine.
    public var sandboxPID: Int32
    /// Seconds since 1970 when the sandbox began.
    public var began: UInt64
    /// How it ended, if it has.
    public var death: Death?
    /// Whether it outlives its server.
    public var isDurable: Bool
    /// Whether a server has it now.
    public var isServed: Bool
    /// How many of the descriptors that come along were deposited.
    public var depositCount: UInt32
    /// Which limits bind, and by what; one phrase each.
    public var limits: [String]
    /// The directories of the sandbox's control groups, where the meter is read.
    public var groups: [String]

    /// Describes a kernel.
    public init(
        kernel: String, sandboxName: String, sandboxID: String, owner: String, pid: Int32, sandboxPID: Int32,
        began: UInt64, death: Death? = nil, isDurable: Bool, isServed: Bool, depositCount: UInt32 = 0,
        limits: [String], groups: [String]
    ) {
        self.kernel = kernel
        self.sandboxName = sandboxName
        self.sandboxID = sandboxID
        self.owner = owner
        self.pid = pid
        self.sandboxPID = sandboxPID
        self.began = began
        self.death = death
        self.isDurable = isDurable
        self.isServed = isServed
        self.depositCount = depositCount
        self.limits = limits
        self.groups = groups
    }

    func encode(into writer: inout WireWriter) {
        for text in [kernel, sandboxName, sandboxID, owner] { writer.append(text) }
        writer.append(pid)
        writer.append(sandboxPID)
        writer.append(began)
        writer.append(death != nil)
        death?.encode(into: &writer)
        writer.append(isDurable)
        writer.append(isServed)
        writer.append(depositCount)
        writer.append(limits)
        writer.append(groups)
    }

    init(from reader: inout WireReader) throws(WireError) {
        kernel = try reader.string()
        sandboxName = try reader.string()
        sandboxID = try reader.string()
        owner = try reader.string()
        pid = try reader.integer()
        sandboxPID = try reader.integer()
        began = try reader.integer()
        death = try reader.boolean() ? try Death(from: &reader) : nil
        isDurable = try reader.boolean()
        isServed = try reader.boolean()
        depositCount = try reader.integer()
        limits = try reader.strings()
        groups = try reader.strings()
    }
}
