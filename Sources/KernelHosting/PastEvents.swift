import KernelRuntime

/// What the interpreter before the current one has said, and the number that its first event follows.
struct PastEvents {
    let events: EndedEvents
    let base: UInt64
}
