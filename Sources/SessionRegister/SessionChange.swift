/// What is to be done for a `PATCH /api/sessions/{id}`.
public enum SessionChange: Hashable, Sendable {
    /// It is changed. The kernel that it had, if it has another one now, is to be ended.
    case done(Session, retired: String?)
    /// Start a kernel, and then call `finish` or `fail`.
    case start(KernelStart)
}
