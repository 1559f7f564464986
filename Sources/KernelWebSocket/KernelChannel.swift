/// A channel of a kernel as a WebSocket names it (Jupyter Server, "WebSocket kernel wire protocols").
public enum KernelChannel: String, CaseIterable, Hashable, Sendable {
    /// Requests that wait for each other, and their replies.
    case shell
    /// Requests that do not wait, and their replies.
    case control
    /// Lines that a cell asks for.
    case stdin
    /// Events for everybody; only from the kernel.
    case iopub
}
