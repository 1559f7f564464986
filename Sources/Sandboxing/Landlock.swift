import CLinux
import Glibc
import LinuxKit

/// The second wall round files, abstract sockets and signals: it holds when a mount or a namespace does not
/// (landlock(7)).
///
/// What a kernel does not know of it is left out, down to nothing on a kernel without.
public enum Landlock {
    /// The version that this kernel offers; 0 for none.
    public static let version = {
        let offered = Int(clinux_landlock_version())
        // The first version forbids every rename and link between folders, and can allow none.
        return offered >= 2 ? offered : 0
    }()

    private static let execute: UInt64 = 1 << 0
    private static let writeFile: UInt64 = 1 << 1
    private static let readFile: UInt64 = 1 << 2
    private static let readDirectory: UInt64 = 1 << 3
    private static let makeCharacterDevice: UInt64 = 1 << 6
    private static let makeBlockDevice: UInt64 = 1 << 11
    private static let truncate: UInt64 = 1 << 14
    private static let controlDevice: UInt64 = 1 << 15

    /// Every right to files that the kernel's version handles.
    private static var handled: UInt64 {
        switch version {
        case ..<2: 0
        case 2: truncate - 1
        case 3, 4: controlDevice - 1
        default: controlDevice << 1 - 1
        }
    }

    /// Abstract sockets and signals, which stay within the sandbox from version 6 on.
    private static var scopes: UInt64 { version >= 6 ? 3 : 0 }

    /// Holds the calling process to reading and executing what the sandbox shows, writing beneath `writable` only.
    /// The process must have given up new privileges.
    static func restrict(writable: [String]) throws(SystemError) {
        guard version > 0 else { return }
        let ruleset = OwnedDescriptor(
            adopting: try SystemError.check("landlock_create_ruleset", clinux_landlock_create(handled, scopes)))
        let see = execute | readFile | readDirectory
        try allow(ruleset, "/", see)
        try allow(ruleset, "/proc", see | writeFile | truncate)
        try allow(ruleset, "/dev", see | writeFile | truncate | controlDevice)
        for path in writable { try allow(ruleset, path, ~(makeCharacterDevice | makeBlockDevice)) }
        try SystemError.check("landlock_restrict_self", clinux_landlock_restrict(ruleset.number))
    }

    private static func allow(
        _ ruleset: borrowing OwnedDescriptor, _ path: String, _ rights: UInt64
    ) throws(SystemError) {
        let file = OwnedDescriptor(
            adopting: try SystemError.check("open", clinux_open_path(path), on: path))
        let isDirectory = Paths.kind(path)?.isDirectory ?? false
        let ofFiles = execute | writeFile | readFile | truncate | controlDevice
        try SystemError.check(
            "landlock_add_rule",
            clinux_landlock_allow(ruleset.number, file.number, rights & handled & (isDirectory ? ~0 : ofFiles)),
            on: path)
    }
}
