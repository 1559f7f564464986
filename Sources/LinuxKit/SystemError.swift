import Glibc

/// A system call that failed, and what it acted on.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call, for example `mount(overlay)`.
    public let operation: String
    /// The `errno` value that it left.
    public let errno: Int32
    /// The path, name or address it acted on.
    public let subject: String?

    /// Describes a failure of `operation` with an `errno` value.
    public init(_ operation: String, _ errno: Int32, on subject: String? = nil) {
        self.operation = operation
        self.errno = errno
        self.subject = subject
    }

    /// Throws when `result`, in the convention of CLinux, is a negated `errno` value; else returns it.
    @discardableResult
    public static func check(
        _ operation: String,
        _ result: Int32,
        on subject: @autoclosure () -> String? = nil
    ) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(operation, -result, on: subject()) }
        return result
    }

    /// Throws when `result`, in the convention of libc, is -1; else returns it.
    @discardableResult
    public static func checkErrno(
        _ operation: String,
        _ result: Int32,
        on subject: @autoclosure () -> String? = nil
    ) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(operation, Glibc.errno, on: subject()) }
        return result
    }

    /// The sentence for a user.
    public var description: String {
        let reason = SystemError.text(of: errno)
        guard let subject else { return "\(operation): \(reason)" }
        return "\(operation) on \(subject): \(reason)"
    }

    /// The text of an `errno` value, for example "No such file or directory".
    public static func text(of errno: Int32) -> String {
        String(cString: strerror(errno))
    }
}
