import CLinux
import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// A process with a warm interpreter, from which kernels are forked one after another.
final class WarmHost {
    /// A fork that waits for its turn.
    struct Job {
        let entry: EntrySpec
        let descriptors: [Int32]
        /// Whether it is for the sandbox whose groups the host sits in.
        let isSeated: Bool
        let done: (Result<Int32, SandboxError>) -> Void
    }

    let socket: MessageSocket
    let process: ProcessHandle
    let pid: Int32
    var watch: EventLoop.Watch?
    var processWatch: EventLoop.Watch?
    /// The groups that it sits in, which the next sandbox gets.
    private var seat: CgroupTree?
    private var isSeated = false
    /// Whether the groups that it sits in are a sandbox's by now.
    private var isGuest = false
    /// Groups of no sandbox's.
    private var home: CgroupTree?
    /// Makes groups for itself, if there can be any.
    var makeHome: (() -> CgroupTree?)?
    /// Called when it is ready and sits nowhere.
    var onUnseated: (() -> Void)?
    private var isReady = false
    private var running: Job?
    private var waiting: [Job] = []

    /// Starts the host from a sealed copy of its program.
    init(profile: InterpreterSpec.HostProfile) throws(SystemError) {
        var pair = try MessageSocket.pair()
        let ours = pair.take()
        let theirs = pair.take()
        let (pid, pidfd) = try WarmHost.launch(profile, socket: theirs.descriptor.number)
        self.pid = pid
        try ours.descriptor.setNonBlocking(true)
        process = ProcessHandle(adopting: OwnedDescriptor(adopting: pidfd))
        socket = consume ours
    }

    /// Whether a fork has been asked for and not been answered.
    var isForking: Bool { running != nil }

    /// Queues a fork.
    func fork(_ job: Job) {
        waiting.append(job)
        startNext()
    }

    /// The groups that the next interpreter will be in without joining, if there are any; they are the caller's then.
    func takeSeat() -> CgroupTree? {
        guard isSeated, running == nil, waiting.isEmpty else { return nil }
        isSeated = false
        isGuest = true
        return seat.take()
    }

    /// Gives up its groups, for good.
    func giveUpGroups() -> [CgroupTree] { [seat.take(), home.take()].compactMap { $0 } }

    /// Sends it to wait in groups.
    func sit(in groups: CgroupTree) {
        seat = groups
        move(to: groups)
    }

    /// Leaves a sandbox's groups before it forks for another one: what it takes would count there, and the sandbox's
    /// limit of memory would kill it (it did: the kernel picks the largest process, which a host is once the sandbox's
    /// own is dying).
    private func goHome() {
        if home == nil { home = makeHome?() }
        if let home { move(to: home) }
    }

    private func move(to groups: CgroupTree) {
        isGuest = false
        do {
            try socket.send(HostMessage.sit.encoded, descriptors: groups.joinDescriptors)
        } catch {
            // It is lost, and noticed by its end.
        }
    }

    /// Lets it sit somewhere when it sits nowhere.
    func standUp() {
        if isReady, running == nil, waiting.isEmpty, seat == nil { onUnseated?() }
    }

    /// Takes a message of the host. Returns false when the host is of no more use.
    func take(_ message: HostMessage) -> Bool {
        switch message {
        case .ready(let failure):
            guard failure.isEmpty else {
                failAll(SandboxError(code: "interpreter_unusable", failure))
                return false
            }
            isReady = true
            standUp()
        case .seated(let isSeated):
            self.isSeated = isSeated && seat != nil
        case .forked(let pid):
            guard let job = running else { return false }
            running = nil
            if pid > 0 {
                job.done(.success(pid))
            } else {
                job.done(.failure(SandboxError(making: "interpreter", SystemError("fork into the sandbox", -pid))))
            }
            standUp()
        case .fork, .sit: return false
        }
        startNext()
        return true
    }

    /// Answers everything that waits.
    func failAll(_ error: SandboxError) {
        let jobs = [running].compactMap { $0 } + waiting
        running = nil
        waiting = []
        for job in jobs { job.done(.failure(error)) }
    }

    private func startNext() {
        guard isReady, running == nil, !waiting.isEmpty else { return }
        let job = waiting.removeFirst()
        running = job
        if isGuest, !job.isSeated { goHome() }
        do {
            try socket.send(HostMessage.fork(job.entry).encoded, descriptors: job.descriptors)
        } catch {
            // It has ended, which is about to be noticed: then everything that waits is told.
            if error.errno == EPIPE || error.errno == ECONNRESET { return }
            running = nil
            job.done(.failure(SandboxError(making: "interpreter", error)))
        }
    }

    private static func launch(_ profile: InterpreterSpec.HostProfile, socket: Int32) throws(SystemError) -> (
        Int32, Int32
    ) {
        let program = try MemoryFile.sealedProgram(name: "husk-host", copyOf: profile.program)
        var pidfd: Int32 = -1
        let pid = try SystemError.check("clone3", clinux_clone(0, -1, &pidfd))
        if pid == 0 { become(program: program.number, socket: socket, profile: profile) }
        return (pid, pidfd)
    }

    /// The child's part. Does not return; it is not declared so because the caller owns descriptors.
    private static func become(program: Int32, socket: Int32, profile: InterpreterSpec.HostProfile) {
        // With the keeper gone there is nobody to fork for.
        _ = clinux_set_parent_death_signal(SIGKILL)
        let socketCopy = clinux_duplicate(socket, 64)
        let programCopy = clinux_duplicate(program, 64)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        for target: Int32 in 0...2 { dup2(null, target) }
        dup2(socketCopy, 3)
        _ = clinux_close_range(4, UInt32.max, true)
        _ = clinux_block_all_signals(false)
        clinux_reset_signals()
        var argv: [UnsafeMutablePointer<CChar>?] = (["husk-python"] + profile.arguments).map { strdup($0) } + [nil]
        let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent"]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        _ = clinux_exec_descriptor(programCopy, &argv, &envp)
        _exit(127)
    }
}
