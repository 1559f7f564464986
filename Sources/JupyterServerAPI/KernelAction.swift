/// What `POST /api/kernels/{id}/{action}` does. Its body means nothing: clients send none, or `{}`.
public enum KernelAction: String, CaseIterable, Hashable, Sendable {
    /// Interrupts what runs; answered without a body.
    case interrupt
    /// Starts it anew; answered with the kernel's model.
    case restart

    /// The status of an answer that says it is done.
    public var status: Int { self == .interrupt ? 204 : 200 }
}
