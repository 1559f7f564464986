/// Why a kernel could not be started or taken over: a sentence for a user, and a stable name for programs.
public struct KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For example `kernel_unknown`.
    public let code: String
    /// What happened and what to do.
    public let description: String

    /// Describes a failure.
    public init(code: String, _ description: String) {
        self.code = code
        self.description = description
    }
}
