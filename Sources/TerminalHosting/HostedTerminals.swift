import KeeperWire
import KernelRuntime

/// The terminals of a server.
public actor HostedTerminals {
    private let place: TerminalPlace
    private var terminals: [String: HostedTerminal] = [:]
    private var order: [String] = []

    /// Begins without any.
    public init(_ place: TerminalPlace) {
        self.place = place
    }

    /// Takes over what an earlier server has left.
    public func adopt() async throws {
        guard KeeperConnection.exists(state: place.state) else { return }
        let keeper = try KeeperConnection(state: place.state, program: place.keeper)
        for facts in try keeper.kernels() where !facts.isServed {
            guard let name = HostedTerminal.name(of: facts.kernel),
                let terminal = try? make(name, keptName: facts.kernel), (try? await terminal.adopt()) != nil
            else { continue }
            terminals[name] = terminal
            order.append(name)
        }
    }

    /// The terminals, the oldest first.
    public var all: [HostedTerminal] { order.compactMap { terminals[$0] } }

    /// The terminal of a name.
    public func terminal(_ name: String) -> HostedTerminal? { terminals[name] }

    /// Opens a terminal; that of the name, if there is one.
    public func open(_ name: String?, from origin: TerminalOrigin) async throws -> HostedTerminal {
        let name = name ?? unusedName()
        if let existing = terminals[name] { return existing }
        let keptName = HostedTerminal.newName(for: name)
        let terminal = try make(name, keptName: keptName)
        terminals[name] = terminal
        order.append(name)
        do {
            try await terminal.start(try place.plan(origin, keptName))
        } catch {
            forget(name, keptName)
            throw error
        }
        return terminal
    }

    /// Ends a terminal. Returns whether there was one.
    public func end(_ name: String) async -> Bool {
        guard let terminal = terminals[name] else { return false }
        forget(name, terminal.keptName)
        await terminal.end()
        return true
    }

    /// Ends the terminals in the sandbox of a name, whose kernel has ended.
    public func endAll(in sandbox: String) async {
        for (name, terminal) in terminals where await terminal.sandbox == sandbox { _ = await end(name) }
    }

    private func make(_ name: String, keptName: String) throws -> HostedTerminal {
        try HostedTerminal(name, keptName: keptName, in: place) { [weak self] in await self?.forget(name, keptName) }
    }

    private func forget(_ name: String, _ keptName: String) {
        guard terminals[name]?.keptName == keptName else { return }
        terminals[name] = nil
        order.removeAll { $0 == name }
    }

    private func unusedName() -> String {
        var number = 1
        while terminals["\(number)"] != nil { number += 1 }
        return "\(number)"
    }
}
