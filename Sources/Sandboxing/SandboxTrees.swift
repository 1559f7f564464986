import KeeperWire
import LinuxKit

/// The host's parts of one sandbox's root.
final class SandboxTrees {
    let system: [MountTreeBox]
    let devices: [MountTreeBox]
    let user: [MountTreeBox]
    /// The system's links and small files.
    let parts: SystemTrees.Parts

    init(spec: SandboxSpec, identities: IdentityMap) throws(SandboxError) {
        var owners: OwnerMappings?
        if let base = identities.rangeBase { owners = OwnerMappings(base: base) }
        var system: [MountTreeBox] = []
        if spec.image.isEmpty {
            parts = SystemTrees.ofMachine()
            system = try SandboxTrees.open(parts.folders.map { .init(host: $0, inside: $0, mode: .readOnly) })
        } else {
            let image: RootedDirectory
            do throws(SystemError) {
                image = try RootedDirectory(spec.image)
            } catch {
                throw SandboxError(making: "image", error)
            }
            parts = try SystemTrees.of(image)
            for folder in parts.folders { system.append(MountTreeBox(try MountTree(folder, of: image))) }
        }
        let ofEvery = SystemTrees.ofEvery.filter { Paths.kind($0, followLinks: false)?.isDirectory ?? false }
        self.system = system + (try SandboxTrees.open(ofEvery.map { .init(host: $0, inside: $0, mode: .readOnly) }))
        devices = try SandboxTrees.open(
            SystemTrees.devices.map { .init(host: "/dev/\($0)", inside: "/dev/\($0)", mode: .readOnly) },
            allowDevices: true)
        user = try SandboxTrees.open(spec.mounts, owners: owners)
    }

    private static func open(
        _ mounts: [SandboxSpec.Mount], owners: OwnerMappings? = nil, allowDevices: Bool = false
    ) throws(SandboxError) -> [MountTreeBox] {
        var trees: [MountTreeBox] = []
        for mount in mounts {
            trees.append(MountTreeBox(try MountTree(mount, owners: owners, allowDevices: allowDevices)))
        }
        return trees
    }
}
