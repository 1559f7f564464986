import CLinux
import Glibc
import Synchronization

/// A thread with an event loop, on which actors run that name it as their executor.
///
/// An actor that owns descriptors waits for them on ``loop``, and is called on the same thread: nothing hops, and
/// nothing else may touch what it has. The thread lives until ``stop()``.
public final class EventThread: SerialExecutor, @unchecked Sendable {
    private struct Waiting: Sendable {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    /// The thread's loop, for code that runs on the thread.
    ///
    /// The loop is not `Sendable`; what makes this sound is that only actors with this executor use it.
    public let loop: EventLoop
    private let wake: OwnedDescriptor
    private let waiting = Mutex(Waiting())
    private let own = Mutex<pthread_t?>(nil)

    /// Starts a thread.
    public init() throws(SystemError) {
        loop = try EventLoop()
        wake = OwnedDescriptor(adopting: try SystemError.check("eventfd", clinux_eventfd()))
        _ = try loop.watch(wake.number) { [unowned self] _ in runJobs() }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let outcome = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let thread = Unmanaged<EventThread>.fromOpaque(argument).takeRetainedValue()
                thread.own.withLock { $0 = pthread_self() }
                try? thread.loop.run()
                return nil
            }, argument.toOpaque())
        guard outcome == 0 else {
            argument.release()
            throw SystemError("pthread_create", outcome)
        }
    }

    /// Runs a part of an actor, soon and in order.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = waiting.withLock { waiting in
            waiting.jobs.append(job)
            return waiting.jobs.count == 1
        }
        if isFirst { ring() }
    }

    /// Whether this is the thread: what the loop calls may touch what the actors have.
    public func checkIsolated() {
        let isOwn = own.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
        precondition(isOwn, "called on another thread")
    }

    /// Ends the thread after what waits.
    public func stop() {
        waiting.withLock { $0.isStopped = true }
        ring()
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(wake.number, &one, 8)
    }

    private func runJobs() {
        var count: UInt64 = 0
        _ = read(wake.number, &count, 8)
        let (jobs, isStopped) = waiting.withLock { waiting in
            defer { waiting.jobs = [] }
            return (waiting.jobs, waiting.isStopped)
        }
        for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        if isStopped { loop.stop() }
    }
}
