import LinuxKit

/// A client with a place of its own in a kernel's journal: it is told everything from there on, as fast as it takes it.
///
/// Followers do not wait for each other. One that is further behind than the journal reaches back is told so.
public final class Follower {
    /// How long one that takes nothing may hold up the interpreter.
    private static let patience: Duration = .seconds(30)

    private let publisher: Publisher
    private let front: any KernelFront
    private var moved = ContinuousClock.now
    /// Whether the interpreter waits for it when it falls behind.
    let holdsUp: Bool
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

    /// Whether it has been told everything.
    var isDone: Bool { publisher.isDone }

    /// Tells what there is. Returns whether anything was taken.
    func run(_ memory: RequestMemory) -> Bool {
        let hasMoved = publisher.run(to: front, request: { memory[$0] })
        if hasMoved { moved = .now }
        if let end, publisher.isDone(upTo: end.sequence) {
            self.end = nil
            end.action()
        }
        return hasMoved
    }

    /// Whether the interpreter should wait for it, as far as it is concerned.
    func isBehind(_ bytes: Int) -> Bool {
        publisher.backlog > bytes && moved.duration(to: .now) < Follower.patience
    }
}
