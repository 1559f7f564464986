import LinuxKit
import Sandboxing

/// Makes and removes the control groups of a keeper's sandboxes, and keeps the record of them.
final class ControlGroups {
    private let state: StateDirectory
    private let loop: EventLoop
    private lazy var hierarchies = CgroupHierarchy.detect()

    init(state: StateDirectory, loop: EventLoop) {
        self.state = state
        self.loop = loop
    }

    /// Whether there are any on this machine.
    var areAvailable: Bool { !hierarchies.isEmpty }

    /// Groups without a process and without limits.
    func make() -> CgroupTree {
        let tree = CgroupTree(name: Hexadecimal.random(digits: 8), in: hierarchies)
        state.record(groups: tree.directories, of: tree.name)
        return tree
    }

    /// Removes groups, once the last process has left them.
    func discard(_ tree: CgroupTree, then done: @escaping () -> Void = {}) {
        guard tree.remove() else {
            // A process that has ended is in its group until it is reaped.
            loop.after(.milliseconds(10)) { [unowned self] in discard(tree, then: done) }
            return
        }
        state.forget(groups: tree.name)
        done()
    }
}
