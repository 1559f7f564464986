import CLinux
import Glibc
public import KeeperWire
public import LinuxKit

/// A server's line to the keeper of its state directory. Closing it is the end of every attached kernel.
public final class KeeperConnection {
    /// An answer with the descriptors that came along.
    public struct Answer: ~Copyable {
        /// What the keeper knows of the kernel.
        public let facts: KernelFacts
        /// The kernel's descriptors, after an adoption.
        public var descriptors: DescriptorList
    }

    private let socket: MessageSocket

    /// The descriptor to wait on.
    public var descriptor: Int32 { socket.descriptor.number }

    /// Connects to the keeper of `state`, starting one from `program` when there is none.
    public init(state: String, program: String) throws(KernelError) {
        let path = "\(state)/keeper.sock"
        // Whoever made the folder first could stand in for a keeper, and would be sent everything.
        if access(state, F_OK) == 0, let reason = Directory.reasonNotToTrust(state) {
            throw KernelError(
                code: "state_directory", "The state directory \(state) cannot be used: \(reason). Name one by --state.")
        }
        var connected: MessageSocket?
        for attempt in 0..<200 where connected == nil {
            if let socket = try? MessageSocket.connect(to: path) {
                // One that was just ending answers nothing.
                if try KeeperConnection.greet(socket, path) { connected = .some(socket) } else { usleep(5000) }
            } else if attempt % 20 == 0 {
                try KeeperConnection.startKeeper(program, state: state)
            } else {
                // A keeper that was just ending has made way by now, or another server has started the next one.
                usleep(5000)
            }
        }
        guard let socket = connected.take() else {
            throw KernelError(code: "keeper_unreachable", "No keeper answers at \(path). Is the state directory yours?")
        }
        self.socket = socket
    }

    /// Says hello. Returns whether the keeper is still there to answer.
    private static func greet(_ socket: borrowing MessageSocket, _ path: String) throws(KernelError) -> Bool {
        guard (try? socket.peerUserID()) == geteuid() else {
            throw KernelError(code: "keeper_protocol", "The keeper at \(path) is another user's.")
        }
        guard (try? socket.send(KeeperRequest.hello.encoded)) != nil,
            let received = (try? socket.receive()) ?? nil
        else { return false }
        do throws(WireError) {
            if case .hello = try KeeperReply(decoding: received.bytes) { return true }
        } catch {
            throw lost(error)
        }
        throw KernelError(code: "keeper_protocol", "The keeper at \(path) does not answer as one.")
    }

    /// Starts a kernel. Blocks until its interpreter runs.
    public func start(_ order: KernelOrder, descriptors: [Int32]) throws(KernelError) -> Answer {
        try send(.start(order), descriptors: descriptors)
        return try answer()
    }

    /// Takes over a kernel without a server.
    public func adopt(_ kernel: String) throws(KernelError) -> Answer {
        try send(.adopt(kernel: kernel))
        return try answer()
    }

    /// Every kernel of the state directory.
    public func kernels() throws(KernelError) -> [KernelFacts] {
        try send(.list)
        var kernels: [KernelFacts] = []
        while true {
            switch try reply().message {
            case .kernels(let page): kernels += page
            case .done: return kernels
            default: continue
            }
        }
    }

    /// Ends a kernel, whoever has it.
    public func stop(_ kernel: String) throws(KernelError) {
        try send(.stop(kernel: kernel))
        while true {
            switch try reply().message {
            case .done: return
            case .refused(let code, let reason): throw KernelError(code: code, reason)
            default: continue
            }
        }
    }

    /// Whether a keeper lives there, so that asking it starts none.
    public static func exists(state: String) -> Bool { access("\(state)/keeper.sock", F_OK) == 0 }

    /// Sends a request whose answer is only that it is done; `next` skips it.
    public func send(_ request: KeeperRequest, descriptors: [Int32] = []) throws(KernelError) {
        do throws(SystemError) {
            try socket.send(request.encoded, descriptors: descriptors)
        } catch {
            throw KeeperConnection.lost(error)
        }
    }

    /// The next news of a kernel that waits; nil for none. Throws when the keeper is gone.
    public func next() throws(KernelError) -> (kernel: String, death: Death)? {
        while KeeperConnection.isReadable(descriptor) {
            if case .ended(let kernel, let death) = try reply().message { return (kernel, death) }
        }
        return nil
    }

    private struct Reply: ~Copyable {
        let message: KeeperReply
        var descriptors: DescriptorList
    }

    private func answer() throws(KernelError) -> Answer {
        while true {
            var reply = try reply()
            switch reply.message {
            case .running(let facts):
                var list = DescriptorList()
                swap(&list, &reply.descriptors)
                return Answer(facts: facts, descriptors: list)
            case .refused(let code, let reason): throw KernelError(code: code, reason)
            default: continue
            }
        }
    }

    private func reply() throws(KernelError) -> Reply {
        do {
            guard var received = try socket.receive() else {
                throw KernelError(code: "keeper_lost", Death.keeper.description)
            }
            let message = try KeeperReply(decoding: received.bytes)
            var list = DescriptorList()
            swap(&list, &received.descriptors)
            return Reply(message: message, descriptors: list)
        } catch let error as KernelError {
            throw error
        } catch {
            throw KeeperConnection.lost(error)
        }
    }

    private static func lost(_ error: any Error) -> KernelError {
        KernelError(code: "keeper_lost", "The connection to the keeper broke: \(error).")
    }

    private static func isReadable(_ descriptor: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, 0) > 0
    }

    /// Runs the keeper's program, whose first process ends once servers can connect.
    private static func startKeeper(_ program: String, state: String) throws(KernelError) {
        guard access(program, X_OK) == 0 else {
            throw KernelError(code: "keeper_missing", "\(program) is missing. It belongs beside the husk program.")
        }
        var arguments: [UnsafeMutablePointer<CChar>?] =
            [program, "--state", state].map { (text: String) in strdup(text) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A session of its own: what kills the server's process group must not reach the keeper.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | 0x80))
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // It outlives the server, and what it had open would: a listening socket keeps its port.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        _ = clinux_spawn_closing_from(&actions, 3)
        var pid: pid_t = 0
        let outcome = posix_spawn(&pid, program, &actions, &attributes, &arguments, &environment)
        guard outcome == 0 else {
            throw KernelError(code: "keeper_missing", "Cannot start \(program): \(SystemError.text(of: outcome)).")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw KernelError(code: "keeper_failed", "The keeper could not start in \(state); its reason stands above.")
        }
    }
}
