import CLinux
import CPythonShim
import Glibc
import KeeperWire
import LinuxKit
import Sandboxing

/// A warm Python that forks interpreters into sandboxes on the keeper's word.
///
/// It has one thread, no secrets and an environment of three variables, since its memory is what every
/// interpreter starts with. It never runs a user's code: only what the operator installed.
public enum PythonHost {
    /// Where the keeper's socket is.
    private static let keeper: Int32 = 3
    /// Where a sandbox has the Python side.
    private static let insidePath = "/opt/husk/python"

    /// The module that is warmed, and lives on after the fork.
    private static let kernel = "husk_kernel.host"

    /// How an exception begins that says by itself what is wrong with a Python.
    private static let unfit = "Unfit: "

    /// Runs `husk-python PYTHON PACKAGES LIBRARIES [MODULE…]`: the Python to be, the folder of the Python side,
    /// the folder of the channel's libraries, and modules to import in advance. Returns the exit status.
    public static func main(arguments: [String]) -> Int32 {
        let socket = MessageSocket(adopting: OwnedDescriptor(adopting: keeper))
        _ = clinux_set_dumpable(false)
        let failure = arguments.count >= 4 ? warm(arguments) : "the host was started without its arguments"
        do throws(SystemError) {
            try socket.descriptor.setCloseOnExec(true)
            try socket.send(HostMessage.ready(failure: failure ?? "").encoded)
            guard failure == nil else { return 1 }
            return try serve(socket)
        } catch {
            return 1
        }
    }

    /// Imports everything that interpreters share. Returns what went wrong.
    private static func warm(_ arguments: [String]) -> String? {
        var error = [CChar](repeating: 0, count: 1024)
        let python = arguments[1]
        guard cpython_start(python, &error, error.count) == 0,
            cpython_prepend_path(arguments[2], &error, error.count) == 0,
            call("husk_warm", "warm", [python, arguments[3]] + arguments.dropFirst(4), &error) != nil,
            call(kernel, "rest", [], &error) != nil
        else {
            let reason = text(error)
            return reason.hasPrefix(unfit)
                ? String(reason.dropFirst(unfit.count)) : "\(python) cannot run a kernel: \(reason)"
        }
        let threads = threadCount()
        guard threads == 1 else {
            return "\(python) cannot run a kernel: after the imports there are \(threads) threads, and a fork keeps one"
        }
        return nil
    }

    private static func serve(_ socket: borrowing MessageSocket) throws(SystemError) -> Int32 {
        while var received = try socket.receive() {
            let message = try? HostMessage(decoding: received.bytes)
            if case .sit? = message {
                try socket.send(HostMessage.seated(SandboxEntry.join(received.descriptors.release())).encoded)
                continue
            }
            guard case .fork(let entry)? = message, let sandbox = received.descriptors.take(0) else { return 1 }
            var hooks = clinux_fork_hooks(
                before: cpython_before_fork, parent: cpython_after_fork_parent, child: cpython_after_fork_child)
            let pid = SandboxEntry.fork(into: sandbox, entry, hooks: &hooks)
            if pid == 0 { _exit(live(entry, received.descriptors.release())) }
            try socket.send(HostMessage.forked(pid: pid).encoded)
        }
        return 0
    }

    /// The forked interpreter's life.
    private static func live(_ entry: EntrySpec, _ numbers: [Int32]) -> Int32 {
        // 0 was the sandbox; then the interpreter's own, the filter, and the control groups.
        let own = Array(numbers.dropFirst().prefix(SandboxEntry.descriptorCount))
        guard own.count == SandboxEntry.descriptorCount, numbers.count > own.count + 1 else { return 126 }
        rename("python3")
        let filter = contents(of: numbers[own.count + 1])
        SandboxEntry.settle(
            entry, descriptors: own, groups: Array(numbers.dropFirst(own.count + 2)), filter: filter,
            executes: false)
        var error = [CChar](repeating: 0, count: 1024)
        let variables = entry.environment.map { UnsafePointer<CChar>(strdup($0)) }
        guard cpython_set_environment(variables, variables.count, &error, error.count) == 0,
            let status = call(kernel, "serve", [insidePath] + entry.arguments, &error)
        else {
            let line = Array("husk: The interpreter could not go on after the fork: \(text(error)).\n".utf8)
            _ = write(2, line, line.count)
            return 126
        }
        return Int32(truncatingIfNeeded: status)
    }

    /// Writes over the command line, which /proc shows to the code inside: it names the host's folders.
    private static func rename(_ name: String) {
        _ = clinux_set_process_name(name)
        let arguments = CommandLine.unsafeArgv
        guard let first = arguments[0], let last = arguments[Int(CommandLine.argc) - 1] else { return }
        let size = last + strlen(last) - first
        memset(first, 0, size)
        strncpy(first, name, size)
    }

    private static func call(
        _ module: String, _ function: String, _ arguments: [String], _ error: inout [CChar]
    ) -> Int? {
        let strings = arguments.map { UnsafePointer<CChar>(strdup($0)) }
        defer { for string in strings { free(UnsafeMutablePointer(mutating: string)) } }
        var result = 0
        let outcome = cpython_call(module, function, strings, strings.count, &result, &error, error.count)
        return outcome == 0 ? result : nil
    }

    private static func text(_ error: [CChar]) -> String {
        String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func contents(of descriptor: Int32) -> [UInt8] {
        let size = lseek(descriptor, 0, SEEK_END)
        guard size > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count ? bytes : []
    }

    private static func threadCount() -> Int { Directory.entries("/proc/self/task").count }
}
