import Glibc
import KeeperWire

/// What a sandbox has put into a folder of the user's that other programs run or obey, and that was not there before:
/// nothing can forbid a name that does not exist yet, or hold a link in its place, but their owner can be told.
struct PlantedNames {
    /// What is known of a name; nil when it does not exist. Links are not followed: it is the name that is obeyed.
    private struct Trace: Hashable {
        let device: UInt
        let inode: UInt
    }

    private let before: [(path: String, trace: Trace?)]

    /// Notes what there is in the writable folders of a sandbox to come.
    init(_ sandbox: SandboxSpec) {
        before = sandbox.mounts.filter { $0.mode == .readWrite && Files.isDirectory($0.host) }
            .flatMap { mount in SandboxSpec.obeyedNames.map { "\(mount.host)/\($0)" } }
            .map { ($0, PlantedNames.trace($0)) }
    }

    /// A sentence for each that is there now, and was not, or was another one.
    var notices: [String] {
        before.filter { name in
            guard let now = PlantedNames.trace(name.path) else { return false }
            return now != name.trace
        }.map {
            "The sandbox has made \($0.path): look at it before a program of yours obeys it."
        }
    }

    private static func trace(_ path: String) -> Trace? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return Trace(device: UInt(status.st_dev), inode: UInt(status.st_ino))
    }
}
