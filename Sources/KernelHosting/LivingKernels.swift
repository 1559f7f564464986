import KeeperWire

/// The kernels of servers that live and that no server has, as the keeper knows them.
struct LivingKernels {
    private let generations: [String: Set<UInt64>]

    /// Finds them among all that the keeper has: a server's kernel is `ID-GENERATION` in a sandbox `ID`.
    init(_ kept: [KernelFacts]) {
        var generations: [String: Set<UInt64>] = [:]
        for facts in kept where facts.isDurable && !facts.isServed && facts.death == nil {
            let name = "\(facts.sandboxName)-"
            guard facts.kernel.hasPrefix(name), let number = UInt64(facts.kernel.dropFirst(name.count)),
                number > 0, number < UInt64.max >> 1, "\(name)\(number)" == facts.kernel
            else { continue }
            generations[facts.sandboxName, default: []].insert(number)
        }
        self.generations = generations
    }

    /// Their ids.
    var ids: Set<String> { Set(generations.keys) }

    /// The latest interpreter of a kernel; nil when there is none, or when that of another generation lives.
    func latest(besides generation: UInt64, of id: String) -> UInt64? {
        guard let generations = generations[id], !generations.contains(generation) else { return nil }
        return generations.max()
    }
}
