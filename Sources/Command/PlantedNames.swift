import Glibc
import KeeperWire

/// What a sandbox has put into a folder of the user's that other programs run or obey, and that was not there before:
/// nothing can forbid a name that does not exist yet, but its owner can be told.
struct PlantedNames {
    private let absent: [String]

    /// Notes what is absent from the writable folders of a sandbox to come.
    init(_ sandbox: SandboxSpec) {
        absent = sandbox.mounts.filter { $0.mode == .readWrite && Files.isDirectory($0.host) }
            .flatMap { mount in SandboxSpec.obeyedNames.map { "\(mount.host)/\($0)" } }
            .filter { !PlantedNames.exists($0) }
    }

    /// A sentence for each that is there now.
    var notices: [String] {
        absent.filter(PlantedNames.exists).map {
            "The sandbox has made \($0): look at it before a program of yours obeys it."
        }
    }

    /// Links are not followed: it is the name that is obeyed.
    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }
}
