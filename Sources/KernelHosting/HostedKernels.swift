import Glibc
public import KeeperWire
public import KernelRuntime
import LinuxKit
public import Logging
import Metrics
import ServerDatabase

/// The kernels of a server, and the register of them that outlives it.
public actor HostedKernels {
    /// Makes the order for an interpreter.
    public typealias Plan =
        @Sendable (_ origin: KernelOrigin, _ kernel: String, _ sandbox: String) throws -> KernelOrder

    /// The register's file in a state directory.
    private static let file = "server.sqlite"

    /// Deaths that nobody has asked for, for one reader. Without one the latest are kept.
    public nonisolated let deaths: AsyncStream<KernelDeath>

    private let maximum: Int?
    private let place: HostedKernel.Place
    private let register: KernelRegister
    private let lock: OwnedDescriptor
    /// What was damaged in the state directory, a sentence each.
    private var damage: [String] = []
    /// Owned kernels that could not be taken over, and why.
    private(set) var lost: [String: String] = [:]
    private var kernels: [String: HostedKernel] = [:]
    private var order: [String] = []
    /// Kernels that are being ended: what is theirs is still in use.
    private var ending: Set<String> = []
    private var whenEnded: [@Sendable (String) -> Void] = []

    /// Opens the register of a state directory.
    ///
    /// - Parameters:
    ///   - keeper: the keeper's program.
    ///   - ledger: where use is put down; nil for nowhere.
    ///   - maximum: how many kernels there may be; those that are taken over are, in any case.
    public init(
        state: String, keeper: String, ledger: String?, limits: KernelLimits = KernelLimits(), maximum: Int? = nil,
        logger: Logger,
        plan: @escaping Plan
    ) throws {
        self.maximum = maximum
        mkdir(state, 0o700)
        if let reason = Directory.reasonNotToTrust(state) { throw HostingError.untrusted(state, reason: reason) }
        let lockPath = "\(state)/server.lock"
        if let reason = DamagedFile.reason(lockPath) {
            damage.append("\(lockPath) is damaged: \(reason). It is now \(try DamagedFile.setAside(lockPath))")
        }
        lock = OwnedDescriptor(
            adopting: try SystemError.checkErrno(
                "open", open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), on: lockPath))
        guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else { throw HostingError.inUse(state) }
        register = try KernelRegister(path: "\(state)/\(HostedKernels.file)")
        damage += register.damage
        if let ledger { damage += HostedKernels.look(at: ledger) }
        HostingMetrics.prepare()
        let (deaths, teller) = AsyncStream.makeStream(of: KernelDeath.self, bufferingPolicy: .bufferingNewest(256))
        self.deaths = deaths
        place = HostedKernel.Place(
            state: state, keeper: keeper, ledger: ledger, register: register, limits: limits, logger: logger,
            plan: plan,
            onDeath: { teller.yield($0) })
    }

    /// Takes over what an earlier server has left. Returns what whoever starts the server should know, a sentence each.
    ///
    /// Kernels that have ended meanwhile are dead and can be restarted; those that other processes own are gone.
    ///
    /// - Parameter spec: the kernelspec of kernels that the register does not name.
    public func adopt(spec: String) async throws -> [String] {
        var notes = damage
        for record in try records(spec: spec, &notes) {
            var living = record
            living.phase = .living
            let kernel = try make(living)
            do {
                notes += HostedKernels.look(at: place.history(of: record.id))
                notes += try await kernel.adopt()
                if record.phase == .ending {
                    await kernel.end()
                    try register.forget(record.id)
                    continue
                }
                try register.keep(await kernel.record)
                HostingMetrics.began(.adopted)
            } catch let error as KernelError where error.code == "kernel_unknown" && record.phase != .living {
                // It has not come to be, or has come to the end that it was to have.
                await kernel.end()
                try register.forget(record.id)
                continue
            } catch let error as KernelError where error.code == "kernel_unknown" {
                HostingMetrics.began(.lost)
                // A keeper that was killed has written nothing down.
                let kept = KernelServer.Place(state: place.state, kernel: record.kernelName)
                let death = record.death ?? kept.recordedDeath ?? .keeper
                if record.death == nil { notes.append("the kernel \(record.id) is gone: \(death)") }
                unlink(place.connection(of: record.id))
                guard record.origin.terms == nil else {
                    lost[record.id] = "\(death)"
                    try register.forget(record.id)
                    continue
                }
                await kernel.mourn(death)
                try register.keep(await kernel.record)
            } catch {
                HostingMetrics.began(.lost)
                notes.append("the kernel \(record.id) cannot be taken over: \(error). The next start tries again")
                continue
            }
            kernels[record.id] = kernel
            order.append(record.id)
        }
        return notes
    }

    /// Looks at a database that kernels can do without.
    private static func look(at path: String) -> [String] {
        do { return try [DatabaseCheck.run(path)?.text].compactMap { $0 } } catch { return ["\(error)"] }
    }

    /// What the register has of the kernels, with what lives and it does not know.
    private func records(spec: String, _ notes: inout [String]) throws -> [KernelRecord] {
        var records = try register.all()
        guard !records.isEmpty || KeeperConnection.exists(state: place.state) else { return [] }
        let living = LivingKernels(try KeeperConnection(state: place.state, program: place.keeper).kernels())
        for index in records.indices {
            guard let latest = living.latest(besides: records[index].generation, of: records[index].id) else {
                continue
            }
            notes.append("the register does not know of the latest restart of the kernel \(records[index].id)")
            records[index].generation = latest
            try register.keep(records[index])
        }
        for id in living.ids.subtracting(records.map(\.id)).sorted() {
            guard let latest = living.latest(besides: 0, of: id) else { continue }
            notes.append("the register does not name the kernel \(id), which lives: its folder and variables are lost")
            let record = KernelRecord(id: id, origin: KernelOrigin(spec: spec), generation: latest)
            try register.keep(record)
            records.append(record)
        }
        return records
    }

    /// Lets go of all kernels: they go on, and the next server takes them over.
    public func leave() async {
        for kernel in kernels.values { await kernel.leave() }
    }

    /// Calls `action` with the id of each kernel that has been ended.
    public func whenEnded(_ action: @escaping @Sendable (String) -> Void) { whenEnded.append(action) }

    /// The kernels, the oldest first.
    public var all: [HostedKernel] { order.compactMap { kernels[$0] } }

    /// The kernel with an id.
    public func kernel(_ id: String) -> HostedKernel? { kernels[id] }

    /// Starts a kernel.
    public func start(_ id: String, from origin: KernelOrigin) async throws -> HostedKernel {
        try await start(id, from: origin, through: nil)
    }

    /// Starts a kernel with the sockets that its owner has opened.
    func start(
        _ id: String, from origin: KernelOrigin, through sockets: KernelSockets.Given?
    ) async throws -> HostedKernel {
        guard kernels[id] == nil, !ending.contains(id) else { throw HostingError.exists(id) }
        if let maximum, kernels.count + ending.count >= maximum { throw HostingError.full(maximum) }
        var record = KernelRecord(id: id, origin: origin)
        let kernel = try make(record)
        kernels[id] = kernel
        order.append(id)
        let began = ContinuousClock.now
        do {
            // Whatever becomes of this server, the next one knows where it belongs.
            record.phase = .starting
            try register.keep(record)
            try await kernel.start(through: sockets)
            guard kernels[id] === kernel else { throw HostingError.ended(id) }
            try register.keep(await kernel.record)
            HostingMetrics.began(.started)
            HostingMetrics.started(in: began.duration(to: .now))
        } catch {
            HostingMetrics.began(.failed)
            if kernels[id] === kernel { forget(id) }
            // It may run, and nobody would know of it.
            await kernel.end()
            if kernels[id] == nil, !ending.contains(id) { try? register.forget(id) }
            throw error
        }
        return kernel
    }

    /// Ends a kernel, and no later one of its id.
    func end(_ kernel: HostedKernel) async -> Bool {
        guard kernels[kernel.id] === kernel else { return false }
        return await end(kernel.id)
    }

    /// Ends a kernel. Returns whether there was one.
    public func end(_ id: String) async -> Bool {
        guard let kernel = kernels[id] else { return false }
        defer { whenEnded.forEach { $0(id) } }
        forget(id)
        ending.insert(id)
        try? register.noteEnding(id)
        await kernel.end()
        try? register.forget(id)
        HostingMetrics.ends.increment()
        ending.remove(id)
        return true
    }

    private func forget(_ id: String) {
        kernels[id] = nil
        order.removeAll { $0 == id }
    }

    private func make(_ record: KernelRecord) throws -> HostedKernel {
        try HostedKernel(record, in: place) { [weak self] record in await self?.keep(record) }
    }

    private func keep(_ record: KernelRecord) {
        // Clients go on to show what they have while their kernel ends.
        guard kernels[record.id] != nil else { return }
        try? register.keep(record)
    }
}
