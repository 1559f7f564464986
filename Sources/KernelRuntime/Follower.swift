import LinuxKit

/// A client with a place of its own in a kernel's journal: it is told everything from there on, as fast as it takes it.
///
/// Followers do not wait for each other. One that is further behind than the journal reaches back is told so.
public final class Follower {
    /// How long one that takes nothing may hold up the interpreter.
    private static let patience: Duration = .seconds(30)

    private let publisher: Publisher
    private let front: any KernelFront
    /// Since when it has taken nothing of what waits for it; nil while nobody has missed that.
    private var stuckSince: ContinuousClock.Instant?
    /// Whether the interpreter waits for it when it falls behind.
    public var holdsUp: Bool
    private var end: (sequence: UInt64, action: () -> Void)?

    init(_ publisher: Publisher, front: any KernelFront, holdsUp: Bool) {
        self.publisher = publisher
        self.front = front
        self.holdsUp = holdsUp
    }

    /// Calls `action` once it has been told everything up to a sequence number.
    public func onceTold(upTo sequence: UInt64, _ action: @escaping () -> Void) {
        end = (sequence, action)
    }

    /// Whether somebody waits for it to have been told everything up to a sequence number.
    var awaitsEvent: Bool { end != nil }

    /// Whether it has been told everything.
    public var isDone: Bool { publisher.isDone }

    /// Tells what there is. Returns whether anything was taken.
    func run(_ memory: RequestMemory) -> Bool {
        let hasMoved = publisher.run(to: front, request: { memory[$0] })
        if hasMoved { stuckSince = nil }
        if let end, publisher.isDone(upTo: end.sequence) {
            self.end = nil
            end.action()
        }
        return hasMoved
    }

    /// Whether it has still to read a file of the journal.
    func needs(_ segment: UInt64) -> Bool { publisher.segment <= segment }

    /// Whether the interpreter should wait for it, as far as it is concerned.
    func isBehind(_ bytes: Int) -> Bool { publisher.backlog > bytes && hasPatience }

    /// Called when something waits for it.
    private var hasPatience: Bool {
        let since = stuckSince ?? .now
        stuckSince = since
        return since.duration(to: .now) < Follower.patience
    }
}
