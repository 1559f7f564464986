import CLinux
import Glibc
import KeeperWire
import LinuxKit

/// Builds the root that a sandbox sees. Runs in the sandbox's first process, in its namespaces, before it
/// becomes PID 1's program.
struct RootFileSystem: ~Copyable {
    /// Where the new root stands until it is the root. Any directory does: the mount is seen here only.
    private static let staging = "/tmp"
    private static let oldRoot = "/.old"
    /// Where everything that the user may write stands in memory, under one limit, until it is mounted in its places.
    private static let scratch = "/.scratch"

    /// Where the user may write in every sandbox.
    static let writablePaths = ["/tmp", "/var/tmp", "/home/user", "/dev/shm", "/dev/mqueue"]

    private let spec: SandboxSpec
    private let hostname: String
    private let hasRoot: Bool

    init(spec: SandboxSpec, hostname: String, hasRoot: Bool) {
        self.spec = spec
        self.hostname = hostname
        self.hasRoot = hasRoot
    }

    /// Makes the root of these parts and enters it; the user's mounts come last.
    consuming func enter(_ trees: SandboxTrees) throws(SandboxError) {
        // The keeper keeps its files to itself; what is made here is for the user inside.
        umask(0o022)
        let resolver = spec.network == .host ? Paths.text("/etc/resolv.conf") : nil
        try step("root") { () throws(SystemError) in
            // Propagation first: nothing that is mounted from here on may be seen outside, or the other way.
            try SystemError.check("mount(private)", clinux_make_private("/"))
            try RootFileSystem.tmpfs(at: RootFileSystem.staging, options: "mode=755")
            try SystemError.checkErrno("chdir", chdir(RootFileSystem.staging))
            try SystemError.checkErrno("mkdir", mkdir(".old", 0o700))
            try SystemError.check("pivot_root", clinux_pivot_root(".", ".old"))
            try SystemError.checkErrno("chdir", chdir("/"))
        }
        for tree in trees.system { try attach(tree) }
        try makeScratch()
        try makeProc()
        // Before there is any link that somebody else has made: it could lead a mount point into what is left behind.
        try step("root") { () throws(SystemError) in try RootFileSystem.letGo(of: RootFileSystem.oldRoot) }
        try step("system files") { () throws(SystemError) in
            let folders = ["/etc", "/opt", "/var"]
            for folder in folders { try Paths.makeDirectories(folder) }
            let synthesised = SystemTrees.synthesised(hostname: hostname)
            let own = Set(synthesised.map(\.path) + folders + ["/etc/resolv.conf"])
            for link in trees.parts.links where !own.contains(link.path) {
                try SystemError.checkErrno("symlink", symlink(link.destination, link.path), on: link.path)
            }
            for file in trees.parts.files where !own.contains(file.path) { try Paths.write(file.bytes, to: file.path) }
            for file in synthesised { try Paths.write(file.text, to: file.path) }
            if let resolver { try Paths.write(resolver, to: "/etc/resolv.conf") }
            for directory in ["/run", "/var", "/root", "/opt", "/mnt", "/srv"] { try Paths.makeDirectories(directory) }
        }
        try makeDevices(trees.devices)
        for (index, tree) in trees.user.enumerated() {
            if tree.tree.mode == .overlay {
                try overlay(tree, index: index)
            } else {
                try attach(tree)
                if tree.tree.mode == .readWrite { try protect(tree.tree.inside) }
            }
        }
        try step("root") { () throws(SystemError) in
            // An overlay holds its layers by itself: nobody inside needs a way round it.
            try RootFileSystem.letGo(of: RootFileSystem.scratch)
            let flags =
                CLINUX_MOUNT_READ_ONLY.rawValue | CLINUX_MOUNT_NO_SETUID.rawValue
                | CLINUX_MOUNT_NO_DEVICES.rawValue
            try SystemError.check("mount(read-only)", clinux_remount_bind("/", UInt64(flags)))
        }
    }

    private borrowing func attach(_ box: MountTreeBox) throws(SandboxError) {
        try step("mount at \(box.tree.inside)") { () throws(SystemError) in
            try Paths.makeMountPoint(box.tree.inside, directory: box.tree.isDirectory)
            try SystemError.check(
                "move_mount", clinux_move_mount(box.tree.descriptor.number, box.tree.inside), on: box.tree.inside)
        }
    }

    /// A writable view of a folder whose changes end with the sandbox.
    private borrowing func overlay(_ box: MountTreeBox, index: Int) throws(SandboxError) {
        let layer = "\(RootFileSystem.scratch)/\(index)"
        let inside = box.tree.inside
        try step("overlay at \(inside)") { () throws(SystemError) in
            for part in ["lower", "upper", "work"] { try Paths.makeDirectories("\(layer)/\(part)") }
            if hasRoot {
                // The user inside owns what it sees at the top of the folder.
                try SystemError.checkErrno("chown", chown("\(layer)/upper", IdentityMap.user, IdentityMap.user))
            }
            try SystemError.check(
                "move_mount", clinux_move_mount(box.tree.descriptor.number, "\(layer)/lower"), on: inside)
            try Paths.makeDirectories(inside)
            let options = "userxattr,lowerdir=\(layer)/lower,upperdir=\(layer)/upper,workdir=\(layer)/work"
            let flags = CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_DEVICES.rawValue
            try SystemError.check(
                "mount(overlay)", clinux_mount("overlay", inside, "overlay", UInt64(flags), options), on: inside)
            // A link that somebody has left in a mount could lead the next mount point into it.
            try SystemError.check("umount", clinux_detach("\(layer)/lower"), on: inside)
        }
    }

    /// Files that other programs on the host run or obey must not be planted through a writable folder.
    private borrowing func protect(_ folder: String) throws(SandboxError) {
        for name in SandboxSpec.obeyedNames {
            let path = "\(folder)/\(name)"
            guard let kind = Paths.kind(path, followLinks: false), !kind.isLink else { continue }
            try RootFileSystem.seal(path)
        }
    }

    private borrowing func makeProc() throws(SandboxError) {
        try step("/proc") { () throws(SystemError) in
            try Paths.makeDirectories("/proc")
            let flags =
                CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_DEVICES.rawValue
                | CLINUX_MOUNT_NO_EXEC.rawValue
            // The old root is still there: proc can only be mounted while another full view of it is (mount_too_revealing).
            try SystemError.check("mount(proc)", clinux_mount("proc", "/proc", "proc", UInt64(flags), nil))
            for (name, value) in SystemTrees.shares where Paths.kind("/proc/sys/user/\(name)") != nil {
                try Paths.write("\(value)", to: "/proc/sys/user/\(name)")
            }
            for path in SystemTrees.maskedFiles where Paths.kind(path) != nil {
                try RootFileSystem.show("empty", at: path, also: CLINUX_MOUNT_READ_ONLY.rawValue)
            }
            for path in SystemTrees.maskedDirectories where Paths.kind(path) != nil {
                try RootFileSystem.tmpfs(at: path, options: "mode=555,size=0", readOnly: true)
            }
        }
        for path in SystemTrees.readOnly where Paths.kind(path) != nil { try RootFileSystem.seal(path) }
    }

    private borrowing func makeDevices(_ devices: [MountTreeBox]) throws(SandboxError) {
        try step("/dev") { () throws(SystemError) in
            try Paths.makeDirectories("/dev/pts")
            try Paths.makeDirectories("/dev/shm")
            let flags = UInt64(CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_EXEC.rawValue)
            try SystemError.check(
                "mount(devpts)",
                clinux_mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620,max=256"))
            try RootFileSystem.show("shm", at: "/dev/shm")
            // Landlock lets nobody open a queue whose file system has no place (mq_overview(7)). A kernel may have none.
            try Paths.makeDirectories("/dev/mqueue")
            let made = clinux_mount(
                "mqueue", "/dev/mqueue", "mqueue", flags | UInt64(CLINUX_MOUNT_NO_DEVICES.rawValue), nil)
            if made != -ENODEV { try SystemError.check("mount(mqueue)", made) }
            let links = [
                ("/dev/ptmx", "pts/ptmx"), ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"),
                ("/dev/stdout", "/proc/self/fd/1"), ("/dev/stderr", "/proc/self/fd/2"),
            ]
            for (path, destination) in links {
                try SystemError.checkErrno("symlink", symlink(destination, path), on: path)
            }
        }
        for device in devices { try attach(device) }
    }

    /// Where the user may write without a mount: in memory, so that it ends with the sandbox, and within one limit.
    private borrowing func makeScratch() throws(SandboxError) {
        try step("private /tmp and home") { () throws(SystemError) in
            let scratch = RootFileSystem.scratch
            try SystemError.checkErrno("mkdir", mkdir(scratch, 0o700), on: scratch)
            // A file without content takes a kilobyte of the machine's memory too.
            let files = max(16_384, spec.limits.disk >> 14)
            let size = spec.limits.disk > 0 ? ",size=\(spec.limits.disk),nr_inodes=\(files)" : ""
            try RootFileSystem.tmpfs(at: scratch, options: "mode=700\(size)")
            let folders: [(name: String, mode: mode_t)] = [
                ("tmp", 0o1777), ("var-tmp", 0o1777), ("home", 0o700), ("shm", 0o1777),
            ]
            for (name, mode) in folders {
                let folder = "\(scratch)/\(name)"
                try SystemError.checkErrno("mkdir", mkdir(folder, mode), on: folder)
                try SystemError.checkErrno("chmod", chmod(folder, mode), on: folder)
            }
            if hasRoot {
                let user = IdentityMap.user
                try SystemError.checkErrno("chown", chown("\(scratch)/home", user, user))
            }
            try Paths.write([], to: "\(scratch)/empty", mode: 0o444)
            for (name, path) in [("tmp", "/tmp"), ("var-tmp", "/var/tmp"), ("home", "/home/user")] {
                try Paths.makeDirectories(path)
                try RootFileSystem.show(name, at: path)
            }
        }
    }

    /// Mounts a part of the scratch space in its place.
    private static func show(_ name: String, at path: String, also more: UInt32 = 0) throws(SystemError) {
        try SystemError.check("mount(bind)", clinux_bind("\(scratch)/\(name)", path, false), on: path)
        let flags = CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_DEVICES.rawValue | more
        try SystemError.check("mount(nosuid)", clinux_remount_bind(path, UInt64(flags)), on: path)
    }

    private static func letGo(of folder: String) throws(SystemError) {
        try SystemError.check("umount", clinux_detach(folder), on: folder)
        try SystemError.checkErrno("rmdir", rmdir(folder), on: folder)
    }

    private static func tmpfs(at path: String, options: String, readOnly: Bool = false) throws(SystemError) {
        var flags = UInt64(CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_DEVICES.rawValue)
        if readOnly { flags |= UInt64(CLINUX_MOUNT_READ_ONLY.rawValue) }
        try SystemError.check("mount(tmpfs)", clinux_mount("tmpfs", path, "tmpfs", flags, options), on: path)
    }

    /// Makes what is at `path` read-only by mounting it on itself.
    private static func seal(_ path: String) throws(SandboxError) {
        do {
            let tree = OwnedDescriptor(
                adopting: try SystemError.check("open_tree", clinux_open_tree(path, true), on: path))
            try SystemError.check(
                "mount_setattr", clinux_mount_setattr(tree.number, UInt64(CLINUX_MOUNT_READ_ONLY.rawValue), -1, true),
                on: path)
            try SystemError.check("move_mount", clinux_move_mount(tree.number, path), on: path)
        } catch {
            throw SandboxError(making: "read-only \(path)", error)
        }
    }

    private borrowing func step(_ what: String, _ body: () throws(SystemError) -> Void) throws(SandboxError) {
        do { try body() } catch { throw SandboxError(making: what, error) }
    }
}

/// A mount tree in a list; lists cannot hold values without copies.
final class MountTreeBox {
    let tree: MountTree

    init(_ tree: consuming MountTree) {
        self.tree = tree
    }
}
