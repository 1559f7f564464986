import Glibc
import KeeperWire
import LinuxKit

/// The folder that a keeper owns: its socket, its lock, and what its kernels and sandboxes leave on disk.
///
///     keeper.lock            held while a keeper lives
///     keeper.sock            where servers connect
///     kernels/NAME/          a kernel's journal; the server writes it
///     groups/NAME            a sandbox's control groups, one path a line
///     deaths/NAME            why a kernel has ended that no server had then
struct StateDirectory {
    let path: String

    var socket: String { "\(path)/keeper.sock" }
    private var lock: String { "\(path)/keeper.lock" }

    /// Takes the lock. Nil when another keeper has it.
    func acquire() throws(SystemError) -> OwnedDescriptor? {
        for _ in 0..<100 {
            if mkdir(path, 0o700) < 0, errno != EEXIST { throw SystemError("mkdir", errno, on: path) }
            if let reason = Directory.reasonNotToTrust(path) {
                throw SystemError("a look (\(reason))", EACCES, on: path)
            }
            if DamagedFile.reason(lock) != nil { try setAside(lock) }
            let raw = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if raw < 0, errno == ENOENT { continue }
            let file = OwnedDescriptor(adopting: try SystemError.checkErrno("open", raw, on: lock))
            guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { return nil }
            // A keeper that ended meanwhile has removed the file that was opened: it locks nobody out.
            var opened = stat()
            var named = stat()
            if fstat(file.number, &opened) == 0, stat(lock, &named) == 0, opened.st_ino == named.st_ino { return file }
        }
        throw SystemError("flock", EAGAIN, on: lock)
    }

    /// Writes down in the lock who has it, for whoever cannot reach it.
    func note(holderOf lock: borrowing OwnedDescriptor) {
        let text = Array("\(getpid())\n".utf8)
        ftruncate(lock.number, 0)
        _ = pwrite(lock.number, text, text.count, 0)
    }

    /// Asks the keeper that has the lock for a new socket: a signal is what comes through without one.
    func askForSocket() {
        guard let line = StateDirectory.contents(lock)?.split(separator: "\n").first, let keeper = pid_t(line),
            keeper > 1, StateDirectory.contents("/proc/\(keeper)/comm") == "\(KeeperProgram.name)\n"
        else { return }
        kill(keeper, SIGHUP)
    }

    /// Whether there is a socket in the socket's place.
    var hasSocket: Bool { StateDirectory.kind(of: socket) == S_IFSOCK }

    /// Writes down the control groups of a sandbox, for whoever has to remove them.
    func record(groups: [String], of name: String) {
        guard !groups.isEmpty else { return }
        mkdir("\(path)/groups", 0o700)
        let file = open("\(path)/groups/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        let bytes = Array(groups.joined(separator: "\n").utf8)
        _ = write(file, bytes, bytes.count)
    }

    /// Forgets control groups.
    func forget(groups name: String) {
        unlink("\(path)/groups/\(name)")
    }

    /// Writes down why a kernel has ended, for the server that comes back for it; of the others, the latest are kept.
    func note(_ death: Death, of kernel: String) {
        let folder = "\(path)/deaths"
        mkdir(folder, 0o700)
        let most = 64
        let names = Directory.entries(folder).filter(KernelOrder.isValidName)
        if names.count >= most {
            let byAge = names.sorted { StateDirectory.age("\(folder)/\($0)") < StateDirectory.age("\(folder)/\($1)") }
            for name in byAge.prefix(names.count - most + 1) { unlink("\(folder)/\(name)") }
        }
        try? WholeFile.write(
            KeeperReply.ended(kernel: kernel, death: death).encoded, to: "\(folder)/\(kernel)", mode: 0o600)
    }

    private static func age(_ path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mtim.tv_sec : 0
    }

    /// Removes a kernel's journal, and nothing that somebody else has put beside it or that has been set aside.
    func remove(kernel: String) {
        let folder = "\(path)/kernels/\(kernel)"
        guard StateDirectory.kind(of: folder) == S_IFDIR else { return }
        for name in Directory.entries(folder) where StateDirectory.isOfKernel(name) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    private static func isOfKernel(_ name: String) -> Bool {
        let stem = name.hasSuffix(".new") ? name.dropLast(4) : name[...]
        if stem.hasSuffix(".journal") { return UInt64(stem.dropLast(8)) != nil }
        return ["session", "position", "hello", "history.sqlite", "history.sqlite-wal", "history.sqlite-shm"]
            .contains(name)
    }

    /// Makes way for the socket.
    func removeSocket() throws(SystemError) {
        switch StateDirectory.kind(of: socket) {
        case nil: return
        case S_IFSOCK: unlink(socket)
        default: try setAside(socket)
        }
    }

    /// Removes what earlier keepers left. The caller holds the lock and every sandbox has ended.
    func clean() {
        // A link in their place would lead the clean-up elsewhere.
        for folder in ["\(path)/kernels", "\(path)/groups"]
        where ![nil, S_IFDIR].contains(StateDirectory.kind(of: folder)) {
            guard (try? setAside(folder)) != nil else { return }
        }
        for name in Directory.entries("\(path)/groups") {
            if StateDirectory.removeGroups(listedIn: "\(path)/groups/\(name)", of: name) { forget(groups: name) }
        }
        for name in Directory.entries("\(path)/kernels") {
            waitForServer(of: name)
            remove(kernel: name)
        }
    }

    /// A server that has just lost its keeper still keeps or removes its journal itself, within moments: it holds a
    /// lock on the folder as long as it is there.
    private func waitForServer(of kernel: String) {
        let folder = open("\(path)/kernels/\(kernel)", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard folder >= 0 else { return }
        defer { close(folder) }
        for _ in 0..<100 {
            if flock(folder, LOCK_EX | LOCK_NB) == 0 { return }
            usleep(10_000)
        }
    }

    /// Removes everything that is the keeper's own. The caller holds the lock.
    func removeAll() {
        clean()
        for name in ["kernels", "groups"] { rmdir("\(path)/\(name)") }
        try? removeSocket()
        unlink(lock)
        rmdir(path)
    }

    /// Removes the groups that a sandbox's record lists. Returns whether it is such a record.
    private static func removeGroups(listedIn file: String, of name: String) -> Bool {
        guard kind(of: file) == S_IFREG, let text = contents(file) else { return false }
        let groups = text.split(separator: "\n").map(String.init)
        guard groups.allSatisfy({ $0.hasPrefix("/") && $0.hasSuffix("/husk-\(name)") }) else { return false }
        for group in groups {
            // A group is busy until the last process in it has been reaped.
            for _ in 0..<200 {
                if rmdir(group) == 0 || errno != EBUSY { break }
                usleep(10_000)
            }
        }
        return true
    }

    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    /// Gives what stands in the place of something of the keeper's another name.
    private func setAside(_ path: String) throws(SystemError) {
        KeeperProgram.say(
            "husk-keeper: \(path) is not what it ought to be. It is now \(try DamagedFile.setAside(path))")
    }

    private static func contents(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
}
