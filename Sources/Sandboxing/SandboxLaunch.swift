import CLinux
import Glibc
import LinuxKit

/// The clone that becomes a sandbox's PID 1, seen from both sides.
///
/// The child waits for the parent (`release`), builds, and either executes PID 1's program, which closes the
/// report pipe, or writes why it could not.
final class SandboxLaunch {
    /// The number under which PID 1's program finds its end of the lifeline.
    static let lifelineNumber: Int32 = 3

    let pid: Int32
    private var process: ProcessHandle?
    private var lifeline: MessageSocket?
    private var childLifeline: MessageSocket?
    private var gate: OwnedDescriptorBox?
    private var report: OwnedDescriptorBox?

    var isChild: Bool { pid == 0 }

    init(namespaces: UInt64) throws(SystemError) {
        var pair = try MessageSocket.pair()
        let ours = pair.take()
        let theirs = pair.take()
        let gateEnds = try Pipe.make()
        let reportEnds = try Pipe.make()
        var pidfd: Int32 = -1
        pid = try SystemError.check("clone3", clinux_clone(namespaces, -1, &pidfd))
        if pid == 0 {
            childLifeline = consume theirs
            gate = gateEnds.read
            report = reportEnds.write
        } else {
            process = ProcessHandle(adopting: OwnedDescriptor(adopting: pidfd))
            lifeline = consume ours
            gate = gateEnds.write
            report = reportEnds.read
        }
    }

    /// The child's life up to the exec. Never returns.
    func runChild(_ build: () throws(SandboxError) -> Void, exec: () -> Void) -> Never {
        var go: UInt8 = 0
        // The parent writes once the user table stands; its death closes the pipe.
        guard let number = gate?.descriptor.number, read(number, &go, 1) == 1 else { _exit(0) }
        do {
            try build()
        } catch {
            fail(error.description)
        }
        exec()
        fail("Cannot start the sandbox's first process: \(SystemError.text(of: errno)).")
    }

    /// Executes PID 1's program with the lifeline at its number and nothing else open but the report.
    func exec(program: Int32, name: String) {
        guard let raw = childLifeline?.descriptor.number, let reportNumber = report?.descriptor.number else { return }
        // Above the numbers that are assigned next, so that no dup2 overwrites one that is still needed.
        let lifelineCopy = clinux_duplicate(raw, 64)
        let programCopy = clinux_duplicate(program, 64)
        let reportCopy = clinux_duplicate(reportNumber, 64)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        for target: Int32 in 0...2 { dup2(null, target) }
        dup2(lifelineCopy, SandboxLaunch.lifelineNumber)
        report = OwnedDescriptorBox(OwnedDescriptor(adopting: reportCopy))
        _ = clinux_close_range(UInt32(SandboxLaunch.lifelineNumber) + 1, UInt32.max, true)
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(name), nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        let outcome = clinux_exec_descriptor(programCopy, &arguments, &environment)
        errno = -outcome
    }

    /// Lets the child go on, and waits until it is PID 1's program. Returns its report when it failed.
    func release() -> String? {
        var go: UInt8 = 1
        if let number = gate?.descriptor.number { _ = write(number, &go, 1) }
        gate = nil
        guard let number = report?.descriptor.number else { return nil }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
            var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20_000) > 0 else { return "The sandbox's root was not built within 20 seconds." }
            let count = read(number, &buffer, buffer.count)
            guard count > 0 else { break }
            text.append(contentsOf: buffer[..<count])
        }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    /// Ends a child that is not wanted any more.
    func abandon() {
        try? process?.send(signal: SIGKILL)
        waitpid(pid, nil, 0)
    }

    func takeProcess() -> ProcessHandle {
        guard let process = process.take() else { preconditionFailure("the process is taken") }
        return process
    }

    func takeLifeline() -> MessageSocket {
        guard let lifeline = lifeline.take() else { preconditionFailure("the lifeline is taken") }
        return lifeline
    }

    private func fail(_ text: String) -> Never {
        let bytes = Array(text.utf8)
        if let number = report?.descriptor.number { _ = write(number, bytes, bytes.count) }
        _exit(1)
    }
}
