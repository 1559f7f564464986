import CLinux
import Glibc

/// One thread's wait for descriptors, timers and the end of the work (epoll(7)).
///
/// Made, used and let go on one thread; the type is not `Sendable`, so the compiler sees to it. A handler
/// may watch and forget anything, itself included. Readiness is level-triggered unless asked otherwise.
public final class EventLoop {
    /// What happened to a watched descriptor.
    public struct Readiness: OptionSet, Sendable {
        /// See the protocol that requires it.
        public let rawValue: UInt32

        /// There is something to read, or the end of file.
        public static let readable = Readiness(rawValue: UInt32(CLINUX_READABLE))
        /// A write would not block.
        public static let writable = Readiness(rawValue: UInt32(CLINUX_WRITABLE))
        /// The peer is gone.
        public static let hungUp = Readiness(rawValue: UInt32(CLINUX_HANGUP))
        /// The descriptor is in error.
        public static let failed = Readiness(rawValue: UInt32(CLINUX_ERROR))
        /// Report changes only (EPOLLET).
        public static let edgeTriggered = Readiness(rawValue: UInt32(CLINUX_EDGE))

        /// Wraps epoll's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
    }

    /// Names a watched descriptor.
    public struct Watch: Hashable, Sendable {
        fileprivate let token: UInt64
    }

    /// Names a timer that has not fired.
    public struct Timer: Hashable, Sendable {
        fileprivate let token: UInt64
    }

    /// Names what runs each turn.
    public struct Turn: Hashable, Sendable {
        fileprivate let token: UInt64
    }

    private struct Watched {
        let descriptor: Int32
        let handler: (Readiness) -> Void
    }

    private struct Pending {
        let due: ContinuousClock.Instant
        let action: () -> Void
    }

    private let epoll: OwnedDescriptor
    private var watched: [UInt64: Watched] = [:]
    private var timers: [UInt64: Pending] = [:]
    private var nextToken: UInt64 = 1
    private var isStopped = false

    private var turns: [(token: UInt64, action: () -> Void)] = []

    /// Whether the process gives its program's pages up after a second without work. Its next work is some 0.1 ms
    /// slower; it costs 1.5 MB less while it waits.
    public var rests = false

    private static let restDelay: Int32 = 1000

    /// Makes a loop for the calling thread.
    public init() throws(SystemError) {
        epoll = OwnedDescriptor(adopting: try SystemError.check("epoll_create1", clinux_epoll_create()))
    }

    /// Calls `handler` whenever `descriptor` is ready. The caller keeps the descriptor and must forget the
    /// watch before closing it.
    public func watch(
        _ descriptor: Int32,
        for interest: Readiness = .readable,
        handler: @escaping (Readiness) -> Void
    ) throws(SystemError) -> Watch {
        let token = makeToken()
        try SystemError.check(
            "epoll_ctl(ADD)", clinux_epoll_add(epoll.number, descriptor, interest.rawValue, token))
        watched[token] = Watched(descriptor: descriptor, handler: handler)
        return Watch(token: token)
    }

    /// Changes what a watch waits for.
    public func change(_ watch: Watch, to interest: Readiness) throws(SystemError) {
        guard let entry = watched[watch.token] else { return }
        try SystemError.check(
            "epoll_ctl(MOD)", clinux_epoll_modify(epoll.number, entry.descriptor, interest.rawValue, watch.token))
    }

    /// Ends a watch. Nothing happens when it has ended already.
    public func forget(_ watch: Watch) {
        guard let entry = watched.removeValue(forKey: watch.token) else { return }
        _ = clinux_epoll_remove(epoll.number, entry.descriptor)
    }

    /// Calls `action` once, `delay` from now.
    @discardableResult
    public func after(_ delay: Duration, _ action: @escaping () -> Void) -> Timer {
        let token = makeToken()
        timers[token] = Pending(due: .now + delay, action: action)
        return Timer(token: token)
    }

    /// Calls `action` after each round of handlers, before the thread waits again.
    public func beforeWaiting(_ action: @escaping () -> Void) -> Turn {
        let token = makeToken()
        turns.append((token, action))
        return Turn(token: token)
    }

    /// Ends what ran each turn. Nothing happens when it has ended already.
    public func forget(_ turn: Turn) {
        turns.removeAll { $0.token == turn.token }
    }

    /// Ends a timer. Nothing happens when it has fired already.
    public func cancel(_ timer: Timer) {
        timers[timer.token] = nil
    }

    /// Makes `run` return after the handlers of this round.
    public func stop() {
        isStopped = true
    }

    /// Serves until `stop`.
    public func run() throws(SystemError) {
        isStopped = false
        while !isStopped { try turn() }
    }

    /// Waits once, at most `limit`, and serves what is ready.
    public func turn(waitingAtMost limit: Duration? = nil) throws(SystemError) {
        for turn in turns { turn.action() }
        if isStopped { return }
        var events = [clinux_event](repeating: clinux_event(), count: 64)
        let count = try wait(&events, timeout(limit: limit))
        for event in events.prefix(count) {
            // A handler of this round may have forgotten the watch.
            watched[event.token]?.handler(Readiness(rawValue: event.events))
        }
        fireTimers()
    }

    private func wait(_ events: inout [clinux_event], _ timeout: Int32) throws(SystemError) -> Int {
        let mayRest = rests && (timeout < 0 || timeout > EventLoop.restDelay)
        var count = clinux_epoll_wait(
            epoll.number, &events, Int32(events.count), mayRest ? EventLoop.restDelay : timeout)
        if mayRest, count == 0 {
            _ = clinux_rest(epoll.number, timeout < 0 ? -1 : timeout - EventLoop.restDelay)
            count = clinux_epoll_wait(epoll.number, &events, Int32(events.count), 0)
        }
        return Int(try SystemError.check("epoll_wait", count))
    }

    private func makeToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    /// Milliseconds until the next timer, rounded up so that it is due when the wait ends; -1 for none.
    private func timeout(limit: Duration?) -> Int32 {
        var wait = limit
        if let due = timers.values.map(\.due).min() {
            let untilDue = ContinuousClock.now.duration(to: due)
            wait = wait.map { min($0, untilDue) } ?? untilDue
        }
        guard let wait else { return -1 }
        guard wait > .zero else { return 0 }
        let parts = wait.components
        let milliseconds = parts.seconds * 1000 + (parts.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: milliseconds)
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = ContinuousClock.now
        for (token, timer) in timers.filter({ $0.value.due <= now }).sorted(by: { $0.value.due < $1.value.due }) {
            // An earlier timer of this round may have cancelled it.
            guard timers.removeValue(forKey: token) != nil else { continue }
            timer.action()
        }
    }
}
