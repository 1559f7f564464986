import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// A kernel: its interpreter, its descriptors and its server.
final class KeptKernel {
    let order: KernelOrder
    let sandbox: KeptSandbox
    /// By the number of ``KernelDescriptor``; none of a terminal's.
    var descriptors: [OwnedDescriptorBox?] = []
    /// Where a terminal's master is sent, until the program has it.
    private var terminalEnd: OwnedDescriptorBox?
    var deposit: [OwnedDescriptorBox] = []
    /// The interpreter, once it has been started.
    var pid: Int32 = 0
    var process: ProcessHandle?
    var watch: EventLoop.Watch?
    /// The server that has the kernel now.
    weak var owner: KeeperClient?
    /// Why the keeper is ending it.
    var planned: Death?
    var death: Death?
    var orphanTimer: EventLoop.Timer?

    var name: String { order.kernel }
    var isDurable: Bool { order.orphanSeconds > 0 }

    init(order: KernelOrder, sandbox: KeptSandbox, descriptors: [OwnedDescriptorBox], owner: KeeperClient) {
        self.order = order
        self.sandbox = sandbox
        if order.interpreter.door.isTerminal {
            terminalEnd = descriptors.first
        } else {
            self.descriptors = descriptors
        }
        self.owner = owner
    }

    func number(_ descriptor: KernelDescriptor) -> Int32 {
        descriptors[descriptor.rawValue]?.descriptor.number ?? -1
    }

    /// What the new process finds as 0, 1, 2, …
    func initialNumbers(null: Int32) -> [Int32] {
        if let terminalEnd { return [null, null, null, terminalEnd.descriptor.number] }
        return [null] + KernelDescriptor.ofInterpreter.map(number)
    }

    /// What an adopting server gets: of a terminal only what was deposited, its master.
    var serverNumbers: [Int32] {
        (descriptors.isEmpty ? [] : KernelDescriptor.adopted.map(number)) + deposit.map { $0.descriptor.number }
    }

    /// Lets go of what the process has now.
    func releaseInterpreterEnds() {
        terminalEnd = nil
        guard !descriptors.isEmpty else { return }
        for end in KernelDescriptor.released { descriptors[end.rawValue] = nil }
    }

    /// Signals the interpreter and what it started in its process group. It has not been reaped, so the
    /// number cannot be anybody else's.
    func signalGroup(_ signal: Int32) {
        if pid > 0, process != nil { Glibc.kill(-pid, signal) }
    }

    /// Kills it with what it started in its process group. One that has just been forked leads no group yet: a signal to
    /// the group alone would reach nobody, and the kernel would live on.
    func kill() {
        signalGroup(SIGKILL)
        try? process?.send(signal: SIGKILL)
    }

    var facts: KernelFacts {
        KernelFacts(
            kernel: name, sandboxName: sandbox.name, sandboxID: sandbox.id, owner: order.owner, pid: pid,
            sandboxPID: sandbox.sandbox.pid, began: sandbox.began, death: death, isDurable: isDurable,
            isServed: owner != nil, depositCount: UInt32(deposit.count), limits: sandbox.groups.limitsInForce,
            groups: sandbox.groups.directories)
    }
}
