/// What is to be done for a `POST /api/sessions`.
public enum SessionCreation: Hashable, Sendable {
    /// Nothing: the session is there, or has just been made of a running kernel. Status 201 in both cases.
    case there(Session)
    /// Start a kernel, and then call `finish` or `fail`.
    case start(KernelStart)
    /// Another request is making the session with this id, for the same path: wait until it is there or has failed,
    /// and ask again.
    case wait(session: String)
}
