/// A server's order for a kernel: the sandbox, the interpreter in it, and who may outlive whom.
///
/// It travels with the descriptors of ``KernelDescriptor``, which the keeper keeps as long as the kernel lives.
public struct KernelOrder: Hashable, Sendable {
    /// Names the kernel in the state directory; see ``isValidName(_:)``.
    public var kernel: String
    /// The sandbox to join, or to make under that name when there is none. Empty: one of its own.
    public var sandboxName: String
    /// Whom the use of the sandbox is put down to.
    public var owner: String
    /// Zero: the sandbox ends with the server's connection. Else the seconds that it lives without a server.
    public var orphanSeconds: UInt64
    /// The sandbox, if it is to be made.
    public var sandbox: SandboxSpec
    /// The interpreter.
    public var interpreter: InterpreterSpec

    /// Describes a kernel.
    public init(
        kernel: String,
        sandboxName: String = "",
        owner: String = "",
        orphanSeconds: UInt64,
        sandbox: SandboxSpec,
        interpreter: InterpreterSpec
    ) {
        self.kernel = kernel
        self.sandboxName = sandboxName
        self.owner = owner
        self.orphanSeconds = orphanSeconds
        self.sandbox = sandbox
        self.interpreter = interpreter
    }

    /// Whether `name` can name a kernel or a sandbox: 1 to 64 of a-z, A-Z, 0-9, `_` and `-`, so that it
    /// is a harmless file name.
    public static func isValidName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// Appends it to a message.
    public func encode(into writer: inout WireWriter) {
        writer.append(kernel)
        writer.append(sandboxName)
        writer.append(owner)
        writer.append(orphanSeconds)
        sandbox.encode(into: &writer)
        interpreter.encode(into: &writer)
    }

    /// Reads it from a message.
    public init(from reader: inout WireReader) throws(WireError) {
        kernel = try reader.string()
        sandboxName = try reader.string()
        owner = try reader.string()
        orphanSeconds = try reader.integer()
        sandbox = try SandboxSpec(from: &reader)
        interpreter = try InterpreterSpec(from: &reader)
        guard KernelOrder.isValidName(kernel), sandboxName.isEmpty || KernelOrder.isValidName(sandboxName) else {
            throw .malformed("kernel name")
        }
    }
}
