import Glibc

/// A process as it can be written down: its number, and when it began, so that no later one of the same number is
/// mistaken for it.
public struct ProcessIdentity: Hashable, Sendable {
    /// Its number.
    public let pid: Int32
    /// When it began, in clock ticks since the system did (proc_pid_stat(5), `starttime`).
    public let began: UInt64

    /// Names a process that was written down.
    public init(pid: Int32, began: UInt64) {
        self.pid = pid
        self.began = began
    }

    /// Names a process that is there. Nil when there is none of this number.
    public init?(pid: Int32) {
        guard let bytes = try? WholeFile.read("/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // Its name stands in brackets and may hold anything; of the fields behind it, the first of which is the third
        // of all, `starttime` is the 22nd.
        guard let bracket = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 19, let began = UInt64(fields[19]) else { return nil }
        self.init(pid: pid, began: began)
    }

    /// Opens it; nil when it has ended.
    public func open() -> ProcessHandle? {
        guard let handle = try? ProcessHandle(pid: pid), ProcessIdentity(pid: pid) == self else { return nil }
        return handle
    }
}
