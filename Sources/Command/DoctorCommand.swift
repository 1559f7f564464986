import ArgumentParser
import Glibc
import JupyterProtocol
import KeeperWire
import KernelRuntime
import LinuxKit
import Sandboxing

/// `husk doctor`: what this machine offers.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this machine offers, what is missing, and what mends it.",
        discussion: "Exits with 0 when kernels can be started, with 1 when not.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SandboxOptions

    func run() throws {
        try Failure.report("doctor") {
            let examination = Examination(options)
            if json {
                print(TerminalText.json(examination.report))
            } else {
                for finding in examination.findings { print(finding.line) }
            }
            fflush(nil)
            if !examination.isFit { throw ExitCode(Failure.general) }
        }
    }
}

/// One thing that was looked at.
struct Finding {
    enum Grade: String { case ok, note, missing }

    let name: String
    let grade: Grade
    let text: String
    var remedy = ""

    var line: String {
        let mark = grade == .ok ? "ok     " : grade == .note ? "note   " : "MISSING"
        return "\(mark)  \(name): \(text)" + (remedy.isEmpty ? "" : "\n         → \(remedy)")
    }

    var json: JSONValue {
        ["name": .string(name), "grade": .string(grade.rawValue), "text": .string(text), "remedy": .string(remedy)]
    }
}

/// Looks at the machine by trying: the decisive finding is a sandbox that starts and ends.
struct Examination {
    private(set) var findings: [Finding] = []

    var isFit: Bool { !findings.contains { $0.grade == .missing } }

    var report: JSONValue { ["fit": .bool(isFit), "findings": .array(findings.map(\.json))] }

    init(_ options: SandboxOptions) {
        lookAtSystem()
        lookAtDescriptors()
        tryKernel(options)
        lookAtNetwork(options.network)
    }

    private mutating func lookAtSystem() {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let parts = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let isNew = parts.count == 2 && (parts[0], parts[1]) >= (5, 14)
        findings.append(
            Finding(
                name: "kernel", grade: isNew ? .ok : .missing, text: "Linux \(release)",
                remedy: isNew ? "" : "Linux 5.14 or later is needed."))
        let user = geteuid()
        findings.append(
            Finding(
                name: "user", grade: .ok,
                text: user == 0
                    ? "root: each sandbox has a range of user ids of its own"
                    : "uid \(user): inside, uid 1000 is you; other ids are your subordinates (subuid(5)), if you have 65535"
            ))
        let program = (try? WholeFile.read("/proc/sys/net/core/bpf_jit_enable")).map {
            String(decoding: $0, as: UTF8.self)
        }
        if program?.hasPrefix("0") == true {
            findings.append(
                Finding(
                    name: "seccomp", grade: .note, text: "filters are interpreted, which slows every system call down",
                    remedy: "sysctl -w net.core.bpf_jit_enable=1"))
        }
    }

    private mutating func lookAtDescriptors() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        // A server holds about 45 for its kernel; the keeper of all of them 24 for each, up to the hard limit.
        findings.append(
            Finding(
                name: "descriptors", grade: limit.rlim_cur < 256 ? .missing : .ok,
                text: "\(limit.rlim_max) open files: about \(limit.rlim_max / 24) kernels",
                remedy: limit.rlim_cur < 256 ? "ulimit -n 4096" : ""))
    }

    private mutating func lookAtNetwork(_ network: SandboxOptions.Network) {
        guard network == .host else {
            let text = "none: a sandbox has a loopback device of its own and nothing else"
            return findings.append(Finding(name: "network", grade: .ok, text: text))
        }
        let listening = ListeningSockets.all()
        let services = listening.isEmpty ? "" : "; here listen \(listening.prefix(12).joined(separator: ", "))"
        findings.append(
            Finding(
                name: "network", grade: .note,
                text: "host: a sandbox can reach everything that this machine can, its own services too\(services)"))
    }

    /// What sandboxes have beside the walls that they cannot be without.
    private mutating func lookAtWalls(_ groups: [String]) {
        let hasNone = groups.isEmpty
        findings.append(
            Finding(
                name: "control groups", grade: hasNone ? .note : .ok,
                text: hasNone
                    ? "none can be made: --memory and --cpus cannot be enforced, and CPU is not shared by weight"
                    : "for CPU, memory and the meter, as in \(groups[0])",
                remedy: hasNone ? "Run Husk as root, or under a systemd unit with Delegate=yes." : ""))
        findings.append(
            Finding(
                name: "landlock", grade: Landlock.version > 0 ? .ok : .note,
                text: Landlock.version > 0
                    ? "version \(Landlock.version), a second wall round files\(Landlock.version >= 6 ? ", abstract sockets and signals" : "")"
                    : "this kernel has none, or it is switched off: sandboxes have one wall less",
                remedy: Landlock.version > 0 ? "" : "Boot with lsm=landlock,… (Linux 5.13 or later)."))
    }

    /// Starts a kernel with the options and ends it again.
    private mutating func tryKernel(_ options: SandboxOptions) {
        do {
            let plan = try options.plan()
            // The network has a finding of its own.
            for notice in plan.notices where !notice.hasPrefix("--network") {
                findings.append(Finding(name: "notice", grade: .note, text: notice))
            }
            let loop = try EventLoop()
            let place = KernelServer.Place(state: options.stateDirectory, kernel: "doctor-\(getpid())")
            let keeper = try KeeperConnection(state: place.state, program: try Installation.current().keeper)
            let kernel = try KernelServer(
                starting: options.order(place.kernel, plan), in: place, ports: [:],
                limits: options.limits.kernel(), keeper: keeper, loop: loop)
            let patient = SilentFront()
            var death: Death?
            kernel.onEnd = { reason in
                death = reason
                loop.stop()
            }
            try kernel.serve(patient)
            kernel.whenReady = { kernel.end() }
            loop.after(.seconds(30)) { kernel.end() }
            try loop.run()
            if let death, death != .requested {
                throw Failure(kernel.lastWords.isEmpty ? "\(death)" : kernel.lastWords)
            }
            findings.append(Finding(name: "sandbox", grade: .ok, text: "a kernel started inside one and ended"))
            lookAtWalls(kernel.controlGroups)
            findings.append(
                Finding(
                    name: "limits", grade: .ok,
                    text: kernel.limitsInForce.isEmpty ? "none" : kernel.limitsInForce.joined(separator: ", ")))
        } catch let failure as Failure {
            findings.append(Finding(name: "sandbox", grade: .missing, text: failure.text))
        } catch {
            findings.append(Finding(name: "sandbox", grade: .missing, text: "\(error)"))
        }
    }
}

/// A front without clients.
final class SilentFront: KernelFront {
    func publish(_ message: OutgoingMessage) -> Bool { true }
    func reply(_ message: OutgoingMessage, to request: ClientRequest) {}
    func askForInput(_ message: OutgoingMessage, of request: ClientRequest) {}
    func receive() -> Bool { false }
}
