import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// The warm hosts of a keeper, one a profile, each started when the first kernel needs it.
final class WarmHosts {
    private let loop: EventLoop
    private let groups: ControlGroups
    private var hosts: [InterpreterSpec.HostProfile: WarmHost] = [:]

    init(groups: ControlGroups, loop: EventLoop) {
        self.groups = groups
        self.loop = loop
    }

    /// Whether one of them forks just now: its child is not known yet.
    var areForking: Bool { hosts.values.contains(where: \.isForking) }

    /// Their pids, those that end included.
    private(set) var pids: [Int32] = []

    /// Ends all of them, and waits for that.
    func end() {
        for host in hosts.values {
            try? host.process.send(signal: SIGKILL)
            while (try? host.process.collect()) == nil { usleep(1000) }
            for tree in host.giveUpGroups() { tree.remove() }
        }
        hosts = [:]
    }

    /// The host behind a door; nil for an interpreter that is executed.
    func host(for door: InterpreterSpec.Door) throws(SandboxError) -> WarmHost? {
        guard case .fork(let profile) = door else { return nil }
        if let host = hosts[profile] { return host }
        let host: WarmHost
        do throws(SystemError) {
            host = try WarmHost(profile: profile)
            host.onUnseated = { [unowned self, unowned host] in
                if let tree = completeGroups() { host.sit(in: tree) }
            }
            host.makeHome = { [unowned self] in completeGroups() }
            host.watch = try loop.watch(host.socket.descriptor.number) { [unowned self, unowned host] _ in
                read(host, profile)
            }
            host.processWatch = try loop.watch(host.process.descriptor.number) { [unowned self, unowned host] _ in
                lose(host, profile, "The interpreter's host ended.")
            }
        } catch {
            throw SandboxError(making: "interpreter host", error)
        }
        hosts[profile] = host
        pids.append(host.pid)
        return host
    }

    /// New groups in every hierarchy: in half of them a host would bring into the next sandbox what belongs to another.
    private func completeGroups() -> CgroupTree? {
        guard groups.areAvailable else { return nil }
        let tree = groups.make()
        if tree.isComplete { return tree }
        groups.discard(tree)
        return nil
    }

    private func read(_ host: WarmHost, _ profile: InterpreterSpec.HostProfile) {
        do throws(SystemError) {
            while hosts[profile] === host {
                guard let received = try host.socket.receive() else {
                    return lose(host, profile, "The interpreter's host ended.")
                }
                guard let message = try? HostMessage(decoding: received.bytes), host.take(message) else {
                    return lose(host, profile, "The interpreter's host broke its protocol.")
                }
            }
        } catch {
            if error.errno != EAGAIN { lose(host, profile, "\(error)") }
        }
    }

    private func lose(_ host: WarmHost, _ profile: InterpreterSpec.HostProfile, _ reason: String) {
        guard hosts[profile] === host else { return }
        hosts[profile] = nil
        for watch in [host.watch, host.processWatch].compactMap({ $0 }) { loop.forget(watch) }
        try? host.process.send(signal: SIGKILL)
        for tree in host.giveUpGroups() { groups.discard(tree) }
        reap(host, reason)
    }

    private func reap(_ host: WarmHost, _ reason: String) {
        guard let status = try? host.process.collect() else {
            loop.after(.milliseconds(5)) { [unowned self] in reap(host, reason) }
            return
        }
        pids.removeAll { $0 == host.pid }
        host.failAll(SandboxError(code: RefusalCode.hostEnded, "\(reason) (\(status))"))
    }
}
