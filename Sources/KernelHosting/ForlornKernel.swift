import LinuxKit

/// A kernel whose owner has not come back yet to a server that has: until it comes, ends, or is too late.
final class ForlornKernel {
    private let owner: ProcessHandle
    private let loop: EventLoop
    private var timer: EventLoop.Timer?
    private var watch: EventLoop.Watch?

    /// Waits for an owner; nil when it has ended already.
    ///
    /// - Parameter end: called once, when nobody is to be waited for any more.
    init?(_ owner: ProcessIdentity, patience: Duration, loop: EventLoop, end: @escaping () -> Void) {
        guard let owner = owner.open() else { return nil }
        self.owner = owner
        self.loop = loop
        timer = loop.after(patience, end)
        watch = try? loop.watch(self.owner.descriptor.number) { [weak self] _ in
            self?.leave()
            end()
        }
    }

    /// Waits no more.
    func leave() {
        if let timer { loop.cancel(timer) }
        if let watch { loop.forget(watch) }
        (timer, watch) = (nil, nil)
    }
}
