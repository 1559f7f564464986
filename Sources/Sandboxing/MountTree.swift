import CLinux
import Glibc
import KeeperWire
import LinuxKit

/// A detached mount of something on the host, taken before the sandbox has a root of its own.
///
/// As root the keeper takes the trees, because a process of a sandbox's own user namespace may not look
/// into a folder with mode 0700; as an ordinary user the sandbox's first process does, because open_tree(2)
/// wants CAP_SYS_ADMIN, which it has in its namespaces.
struct MountTree: ~Copyable {
    let descriptor: OwnedDescriptor
    let inside: String
    let isDirectory: Bool
    let mode: SandboxSpec.Mount.Mode

    init(_ mount: SandboxSpec.Mount, identities: IdentityMap, allowDevices: Bool = false) throws(SandboxError) {
        guard let kind = Paths.kind(mount.host) else {
            throw SandboxError(
                making: "mount at \(mount.inside)", SystemError("open", errno, on: mount.host),
                hint: "Does the path exist, and may you read it?")
        }
        let tree: OwnedDescriptor
        do throws(SystemError) {
            tree = try MountTree.open(mount, allowDevices: allowDevices)
        } catch {
            throw SandboxError(making: "mount at \(mount.inside)", error)
        }
        if case .range(let base) = identities, mount.mode != .readOnly {
            do throws(SystemError) {
                try MountTree.mapOwner(of: tree, kind, base: base, host: mount.host)
            } catch {
                throw SandboxError(
                    making: "writable mount at \(mount.inside)", error,
                    hint: "The file system of \(mount.host) must support idmapped mounts; mount it read-only (:ro, "
                        + "or --workdir ro), or run Husk as the folder's owner.")
            }
        }
        inside = mount.inside
        isDirectory = kind.isDirectory
        mode = mount.mode
        descriptor = tree
    }

    private static func open(_ mount: SandboxSpec.Mount, allowDevices: Bool) throws(SystemError) -> OwnedDescriptor {
        let tree = OwnedDescriptor(
            adopting: try SystemError.check("open_tree", clinux_open_tree(mount.host, true), on: mount.host))
        var flags = UInt64(CLINUX_MOUNT_NO_SETUID.rawValue)
        if !allowDevices { flags |= UInt64(CLINUX_MOUNT_NO_DEVICES.rawValue) }
        if mount.mode == .readOnly { flags |= UInt64(CLINUX_MOUNT_READ_ONLY.rawValue) }
        try SystemError.check("mount_setattr", clinux_mount_setattr(tree.number, flags, -1, true), on: mount.host)
        return tree
    }

    /// Makes the folder's owner appear as the user inside, and files that the user makes belong to the owner.
    private static func mapOwner(
        of tree: borrowing OwnedDescriptor, _ kind: Paths.Kind, base: UInt32, host: String
    ) throws(SystemError) {
        let namespace = try userNamespace(
            userLine: "\(kind.owner) \(base + IdentityMap.user) 1\n",
            groupLine: "\(kind.group) \(base + IdentityMap.user) 1\n")
        try SystemError.check(
            "mount_setattr(idmap)", clinux_mount_setattr(tree.number, 0, namespace.number, false), on: host)
    }

    /// A user namespace that exists only as a table for an idmapped mount.
    private static func userNamespace(userLine: String, groupLine: String) throws(SystemError) -> OwnedDescriptor {
        var raw: Int32 = -1
        let pid = try SystemError.check("clone3", clinux_clone(UInt64(CLINUX_NEW_USER.rawValue), -1, &raw))
        if pid == 0 {
            while true { pause() }
        }
        let process = ProcessHandle(adopting: OwnedDescriptor(adopting: raw))
        defer {
            try? process.send(signal: SIGKILL)
            waitpid(pid, nil, 0)
        }
        try Paths.write(userLine, to: "/proc/\(pid)/uid_map")
        try Paths.write(groupLine, to: "/proc/\(pid)/gid_map")
        let path = "/proc/\(pid)/ns/user"
        return OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", Glibc.open(path, O_RDONLY | O_CLOEXEC), on: path))
    }
}
