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

    /// Takes a tree. With `owners` its owner appears as the sandbox's user; parts of the system keep theirs.
    init(_ mount: SandboxSpec.Mount, owners: OwnerMappings?, allowDevices: Bool = false) throws(SandboxError) {
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
        if let owners { try MountTree.map(tree, kind, owners, mount) }
        inside = mount.inside
        isDirectory = kind.isDirectory
        mode = mount.mode
        descriptor = tree
    }

    /// Takes a folder of an image, read-only.
    init(_ path: String, of image: borrowing RootedDirectory) throws(SandboxError) {
        do throws(SystemError) {
            let place = try image.place(String(path.dropFirst()))
            let tree = OwnedDescriptor(
                adopting: try SystemError.check("open_tree", clinux_open_tree_at(place.number), on: path))
            let flags =
                CLINUX_MOUNT_NO_SETUID.rawValue | CLINUX_MOUNT_NO_DEVICES.rawValue | CLINUX_MOUNT_READ_ONLY.rawValue
            try SystemError.check("mount_setattr", clinux_mount_setattr(tree.number, UInt64(flags), -1, true), on: path)
            descriptor = tree
        } catch {
            throw SandboxError(making: "part \(path) of the image", error)
        }
        inside = path
        isDirectory = true
        mode = .readOnly
    }

    private static func map(
        _ tree: borrowing OwnedDescriptor, _ kind: Paths.Kind, _ owners: OwnerMappings, _ mount: SandboxSpec.Mount
    ) throws(SandboxError) {
        do throws(SystemError) {
            try owners.map(tree, user: kind.owner, group: kind.group, host: mount.host)
        } catch {
            // What everybody may read can be read all the same.
            if mount.mode == .readOnly { return }
            throw SandboxError(
                making: "writable mount at \(mount.inside)", error,
                hint: "The file system of \(mount.host) must support idmapped mounts; mount it read-only (:ro, "
                    + "or --workdir ro), or run Husk as the folder's owner.")
        }
    }

    private static func open(_ mount: SandboxSpec.Mount, allowDevices: Bool) throws(SystemError) -> OwnedDescriptor {
        let tree = OwnedDescriptor(
            adopting: try SystemError.check("open_tree", clinux_open_tree(mount.host, true), on: mount.host))
        var flags = UInt64(CLINUX_MOUNT_NO_SETUID.rawValue)
        if !allowDevices { flags |= UInt64(CLINUX_MOUNT_NO_DEVICES.rawValue) }
        // What lies under a layer is never written either.
        if mount.mode != .readWrite { flags |= UInt64(CLINUX_MOUNT_READ_ONLY.rawValue) }
        try SystemError.check("mount_setattr", clinux_mount_setattr(tree.number, flags, -1, true), on: mount.host)
        return tree
    }
}
