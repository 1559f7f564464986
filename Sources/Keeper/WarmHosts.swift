import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// The warm hosts of a keeper, one a profile, each started when the first kernel needs it.
final class WarmHosts {
    private let loop: EventLoop
    private var hosts: [InterpreterSpec.HostProfile: WarmHost] = [:]

    init(loop: EventLoop) {
        self.loop = loop
    }

    /// The host behind a door; nil for an interpreter that is executed.
    func host(for door: InterpreterSpec.Door) throws(SandboxError) -> WarmHost? {
        guard case .fork(let profile) = door else { return nil }
        if let host = hosts[profile] { return host }
        let host: WarmHost
        do throws(SystemError) {
            host = try WarmHost(profile: profile)
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
        return host
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
        host.failAll(SandboxError(code: "interpreter_unusable", reason))
        reap(host)
    }

    private func reap(_ host: WarmHost) {
        if (try? host.process.collect()) == nil {
            loop.after(.milliseconds(5)) { [unowned self] in reap(host) }
        }
    }
}
