import KeeperWire

/// The host's parts of one sandbox's root.
final class SandboxTrees {
    let system: [MountTreeBox]
    let devices: [MountTreeBox]
    let user: [MountTreeBox]

    init(spec: SandboxSpec, identities: IdentityMap) throws(SandboxError) {
        var owners: OwnerMappings?
        if let base = identities.rangeBase { owners = OwnerMappings(base: base) }
        system = try SandboxTrees.open(SystemTrees.mounts())
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
