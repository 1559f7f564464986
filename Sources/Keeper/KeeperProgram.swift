import CLinux
import Glibc
import LinuxKit

/// The keeper's life from its command line to its end.
public enum KeeperProgram {
    /// What the process is called.
    static let name = "husk-keeper"

    /// Runs `husk-keeper --state DIR`. The starting process returns once servers can connect, with 0, also when
    /// another keeper serves the directory already; on failure it says one line on standard error and returns 1.
    public static func main(arguments: [String]) -> Int32 {
        guard arguments.count >= 3, arguments[1] == "--state", arguments[2].hasPrefix("/") else {
            say("usage: husk-keeper --state DIRECTORY (an absolute path). husk starts it when it is needed.")
            return 2
        }
        do throws(SystemError) {
            if arguments.count < 4 { try sealSelf(arguments) }
            return try serve(StateDirectory(path: arguments[2]))
        } catch {
            say("husk-keeper: \(error).")
            return 1
        }
    }

    /// Goes on from a sealed copy of this program, which every sandbox's PID 1 then runs from too: nobody can
    /// write to it through `/proc/self/exe`, and all of them share its pages.
    private static func sealSelf(_ arguments: [String]) throws(SystemError) {
        let program = try MemoryFile.sealedProgram(name: "husk-keeper", copyOf: "/proc/self/exe")
        var argv: [UnsafeMutablePointer<CChar>?] = (arguments + ["--sealed"]).map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = [nil]
        try SystemError.check("execveat", clinux_exec_descriptor(program.number, &argv, &envp))
    }

    private static func serve(_ state: StateDirectory) throws(SystemError) -> Int32 {
        // A keeper that is just ending holds the lock for the moment that its clean-up takes.
        var lock = try state.acquire()
        var patience = 300
        while lock == nil, patience > 0, !state.hasSocket {
            usleep(10_000)
            patience -= 1
            // One that stays has lost its socket: somebody has cleaned up.
            if patience == 250 { state.askForSocket() }
            lock = try state.acquire()
        }
        guard let held = lock.take() else { return 0 }
        state.clean()
        try state.removeSocket()
        let listener = try MessageSocket.listen(at: state.socket)
        _ = clinux_set_dumpable(false)
        _ = clinux_set_process_name(KeeperProgram.name)
        let child = fork()
        guard child == 0 else {
            try SystemError.checkErrno("fork", child)
            return 0
        }
        setsid()
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        for target: Int32 in 0...2 { dup2(null, target) }
        close(null)
        chdir("/")
        umask(0o077)
        _ = clinux_ignore_signal(SIGPIPE)
        // Ends of sandboxes come as pidfds; a terminal's hang-up is no concern of a daemon's.
        for signal in [SIGINT, SIGHUP, SIGTERM] { _ = clinux_ignore_signal(signal) }
        KeeperProgram.raiseDescriptorLimit()
        let undertaker = try Undertaker.split(state: state)
        state.note(holderOf: held)
        let keeper = try Keeper(state: state, listener: listener, undertaker: undertaker)
        try keeper.run()
        withExtendedLifetime(held) {}
        return 0
    }

    /// The keeper of every kernel holds some 14 descriptors for each; a shell gives it 1024.
    private static func raiseDescriptorLimit() {
        let kind = Int32(CLINUX_LIMIT_OPEN_FILES.rawValue)
        var (soft, hard): (UInt64, UInt64) = (0, 0)
        if clinux_get_limit(kind, &soft, &hard) == 0, soft < hard { _ = clinux_set_limit(kind, hard, hard) }
    }

    static func say(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }
}
