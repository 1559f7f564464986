/// The descriptors of a kernel, in the order in which they travel.
///
/// The keeper passes them on and keeps copies, so that neither the server's death nor the interpreter's loses
/// what is in them; it never looks inside.
public enum KernelDescriptor: Int, CaseIterable, Sendable {
    /// The channel's memory.
    case memory
    /// The server's end of the bell that says: events wait, or there is room for requests.
    case eventsBell
    /// The interpreter's end of it.
    case eventsButton
    /// The interpreter's end of the bell that says: a request waits.
    case requestsBell
    /// The server's end of it.
    case requestsButton
    /// The interpreter's end of the bell that says: there is room for events.
    case spaceBell
    /// The server's end of it.
    case spaceButton
    /// The read end of the pipe on the interpreter's standard output.
    case outputRead
    /// Its write end.
    case outputWrite
    /// The read end of the pipe on the interpreter's standard error.
    case errorRead
    /// Its write end.
    case errorWrite

    /// What the interpreter finds as its descriptors 1 to 8.
    public static let ofInterpreter: [KernelDescriptor] = [
        .outputWrite, .errorWrite, .memory, .eventsButton, .requestsBell, .spaceBell, .outputRead, .errorRead,
    ]

    /// What is let go once the interpreter has it, so that the pipes end with their last writer.
    public static let released: [KernelDescriptor] = [.outputWrite, .errorWrite]

    /// What a server gets that takes the kernel over, in this order.
    public static let adopted = allCases.filter { !released.contains($0) }
}
