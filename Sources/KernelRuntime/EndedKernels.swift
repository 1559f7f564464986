import EventJournal
import Glibc
import LinuxKit

/// The journals of durable kernels that died of something: evidence for their owners, the newest few of them.
///
/// They lie in `ended/NAME/` of the state directory. A kernel that was asked to end leaves none, and neither does an
/// attached one, whose client has heard everything.
enum EndedKernels {
    /// How many are kept.
    private static let count = 8

    /// Moves a kernel's folder there, in the place of an earlier kernel's with its name. Returns whether it could.
    static func keep(_ place: KernelServer.Place) -> Bool {
        let folder = "\(place.state)/ended"
        mkdir(folder, 0o700)
        Directory.removeTree("\(folder)/\(place.kernel)")
        guard rename(place.directory, "\(folder)/\(place.kernel)") == 0 else { return false }
        let byAge = Directory.entries(folder).filter { isWholeJournal("\(folder)/\($0)") }
            .sorted { age("\(folder)/\($0)") < age("\(folder)/\($1)") }
        for name in byAge.dropLast(count) { Directory.removeTree("\(folder)/\(name)") }
        return true
    }

    /// The journal of a kernel that lies there; nil when none does that is whole.
    static func journal(of place: KernelServer.Place) -> Journal? {
        let folder = "\(place.state)/ended/\(place.kernel)"
        guard isWholeJournal(folder) else { return nil }
        return try? Journal.open(in: folder)
    }

    /// Whether a folder is one of these, with nothing in it that is somebody else's or has been set aside.
    private static func isWholeJournal(_ path: String) -> Bool {
        let names = Directory.entries(path)
        return !names.isEmpty && names.allSatisfy { $0.hasSuffix(".journal") || $0.hasSuffix(".journal.new") }
    }

    private static func age(_ path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mtim.tv_sec : 0
    }
}
