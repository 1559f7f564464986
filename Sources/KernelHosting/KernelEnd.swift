import KeeperWire

/// How a hosted kernel has ended.
struct KernelEnd: Hashable, Sendable {
    /// Why.
    let death: Death
    /// Why it could not start, if that is known.
    let lastWords: String

    /// The end of a kernel, once it has come, and who waits for it.
    struct Awaited {
        private var end: KernelEnd??
        private var waiting: [CheckedContinuation<KernelEnd?, Never>] = []

        /// Tells the end to everybody; nil when the kernel goes on without this process. The first one counts.
        mutating func come(_ end: KernelEnd?) {
            guard self.end == nil else { return }
            self.end = .some(end)
            for continuation in waiting { continuation.resume(returning: end) }
            waiting = []
        }

        /// Tells the end to somebody.
        mutating func tell(_ continuation: CheckedContinuation<KernelEnd?, Never>) {
            guard let end else { return waiting.append(continuation) }
            continuation.resume(returning: end)
        }
    }
}
