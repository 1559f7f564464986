public import LinuxKit

/// Why a sandbox could not be made. Code is then not run at all: there is no weaker sandbox to fall back to.
public struct SandboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A stable name for programs, for example `sandbox_mount`.
    public let code: String
    /// What could not be made and what to do, one sentence each.
    public let description: String

    /// Describes a failure.
    public init(code: String, _ description: String) {
        self.code = code
        self.description = description
    }

    /// A failed call while making `what`.
    public init(making what: String, _ error: SystemError, hint: String = "") {
        self.init(
            code: "sandbox_unavailable",
            "Cannot make the sandbox's \(what): \(error).\(hint.isEmpty ? "" : " \(hint)") `husk doctor` says more.")
    }
}
