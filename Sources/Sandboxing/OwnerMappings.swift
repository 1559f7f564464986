import CLinux
import Glibc
import LinuxKit

/// User namespaces that exist only as tables for idmapped mounts (mount_setattr(2)): in each, one owner on the machine
/// appears as a sandbox's user.
final class OwnerMappings {
    private struct Owner: Hashable {
        var user: UInt32
        var group: UInt32
    }

    private let base: UInt32
    private var namespaces: [Owner: OwnedDescriptorBox] = [:]

    /// For a sandbox whose ids begin at `base` on the machine.
    init(base: UInt32) {
        self.base = base
    }

    /// Makes the owner appear as the user inside, and files that the user makes belong to the owner.
    func map(_ tree: borrowing OwnedDescriptor, user: UInt32, group: UInt32, host: String) throws(SystemError) {
        let owner = Owner(user: user, group: group)
        let namespace: OwnedDescriptorBox
        if let made = namespaces[owner] {
            namespace = made
        } else {
            namespace = OwnedDescriptorBox(try make(owner))
            namespaces[owner] = namespace
        }
        try SystemError.check(
            "mount_setattr(idmap)", clinux_mount_setattr(tree.number, 0, namespace.descriptor.number, false), on: host)
    }

    private func make(_ owner: Owner) throws(SystemError) -> OwnedDescriptor {
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
        try Paths.write("\(owner.user) \(base + IdentityMap.user) 1\n", to: "/proc/\(pid)/uid_map")
        try Paths.write("\(owner.group) \(base + IdentityMap.user) 1\n", to: "/proc/\(pid)/gid_map")
        let path = "/proc/\(pid)/ns/user"
        return OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", Glibc.open(path, O_RDONLY | O_CLOEXEC), on: path))
    }
}
