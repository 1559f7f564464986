import Glibc
import LinuxKit

/// A run of another program to its end.
struct ToolRun {
    /// What it wrote to standard output.
    let output: String

    /// Runs a program of the PATH. Throws a `Failure` with its first line of standard error, or with `hint` when there
    /// is no such program.
    ///
    /// - Parameter subject: what the failure is about.
    @discardableResult
    init(_ program: String, _ arguments: [String], hint: String, of subject: String) throws {
        var outputEnds: [Int32] = [-1, -1]
        var errorEnds: [Int32] = [-1, -1]
        guard pipe(&outputEnds) == 0, pipe(&errorEnds) == 0 else { throw SystemError("pipe", errno) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, outputEnds[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errorEnds[1], 2)
        for end in outputEnds + errorEnds { posix_spawn_file_actions_addclose(&actions, end) }
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var pid: pid_t = 0
        let outcome = posix_spawnp(&pid, program, &actions, nil, &argv, environ)
        close(outputEnds[1])
        close(errorEnds[1])
        let reading = OwnedDescriptor(adopting: outputEnds[0])
        let complaining = OwnedDescriptor(adopting: errorEnds[0])
        guard outcome == 0 else {
            throw Failure("\(subject): there is no program \(program) (\(hint))", status: Failure.usage)
        }
        // One after the other would dead-lock on whichever pipe is full.
        let texts = ToolRun.read([reading.number, complaining.number])
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            let first = texts[1].split(separator: "\n").first.map(String.init) ?? hint
            throw Failure("\(subject): \(first)", status: Failure.usage)
        }
        output = texts[0]
    }

    private static func read(_ descriptors: [Int32]) -> [String] {
        var bytes = [[UInt8]](repeating: [], count: descriptors.count)
        var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while waiting.contains(where: { $0.fd >= 0 }) {
            guard poll(&waiting, nfds_t(waiting.count), -1) > 0 else { continue }
            for index in waiting.indices where waiting[index].fd >= 0 && waiting[index].revents != 0 {
                let count = Glibc.read(waiting[index].fd, &buffer, buffer.count)
                if count > 0 { bytes[index].append(contentsOf: buffer[..<count]) } else { waiting[index].fd = -1 }
            }
        }
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }
}
