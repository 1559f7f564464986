import Glibc
import KeeperWire
import LinuxKit

/// What every sandbox has of a system: named parts of the machine's own, read-only, none of the user's files; or those
/// of an image.
enum SystemTrees {
    /// Directories with programs and libraries. `/bin`, `/lib` and the like are links on a merged system.
    static let programs = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]

    /// Configuration without secrets that libraries look for.
    static let configuration = [
        "/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/java-17-openjdk", "/etc/ld.so.conf.d",
        "/etc/python3", "/etc/python3.11", "/etc/ssl",
    ]

    /// Small files of the same kind, copied.
    static let files = [
        "/etc/bash.bashrc", "/etc/ca-certificates.conf", "/etc/debian_version", "/etc/inputrc", "/etc/ld.so.cache",
        "/etc/ld.so.conf", "/etc/localtime", "/etc/mime.types", "/etc/profile", "/etc/protocols", "/etc/services",
        "/etc/shells", "/etc/timezone",
    ]

    /// The nodes of /dev.
    static let devices = ["null", "zero", "full", "random", "urandom", "tty"]

    /// Files of /proc that say too much or do too much, hidden under an empty file.
    static let maskedFiles = [
        "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kmsg", "/proc/kpagecount", "/proc/kpageflags",
        "/proc/kpagecgroup", "/proc/latency_stats", "/proc/sched_debug", "/proc/sysrq-trigger", "/proc/timer_list",
        "/proc/vmallocinfo", "/proc/config.gz", "/proc/interrupts", "/proc/kallsyms", "/proc/modules", "/proc/slabinfo",
    ]

    /// Directories of /proc hidden under an empty one.
    static let maskedDirectories = ["/proc/acpi", "/proc/asound", "/proc/driver", "/proc/pressure", "/proc/scsi"]

    /// What the machine has for all together of one user, and a sandbox may have of it (namespaces(7),
    /// "/proc/sys/user"): nested namespaces not at all, but for those of
    /// mounts, of which open_tree(2) makes one for each part that is mounted.
    static let shares = [
        ("max_inotify_instances", 32), ("max_inotify_watches", 16_384), ("max_user_namespaces", 0),
        ("max_pid_namespaces", 0), ("max_net_namespaces", 0), ("max_uts_namespaces", 0),
        ("max_ipc_namespaces", 0), ("max_time_namespaces", 0),
    ]

    /// Parts of /proc that must not be written.
    static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]

    /// A part of /sys tells numpy and others about processors.
    static let ofEvery = ["/sys/devices/system/cpu", "/sys/devices/system/node"]

    /// What a sandbox takes from a system, under the names that the inside has for it.
    struct Parts {
        /// Folders that are mounted.
        var folders: [String] = []
        /// Links such as /bin → usr/bin, as the system has them.
        var links: [(path: String, destination: String)] = []
        /// Small files, copied.
        var files: [(path: String, bytes: [UInt8])] = []
        /// How large those are together.
        var bytes = 0
    }

    /// The parts of the machine's own system.
    static func ofMachine() -> Parts {
        var parts = Parts()
        for path in programs + configuration {
            guard let kind = Paths.kind(path, followLinks: false) else { continue }
            if kind.isDirectory { parts.folders.append(path) }
            if kind.isLink, let destination = Paths.destination(path) { parts.links.append((path, destination)) }
        }
        parts.files = files.compactMap { path in Paths.read(path).map { (path, $0) } }
        return parts
    }

    /// The parts of an image: its folders, but for those that are the sandbox's own. Where the sandbox has something of
    /// its own inside of a folder, the folder's entries are taken instead.
    static func of(_ image: borrowing RootedDirectory) throws(SandboxError) -> Parts {
        let own: Set = [
            "proc", "sys", "dev", "tmp", "run", "home", "root", "boot", "mnt", "media", "lost+found",
        ]
        let shared: Set = ["etc", "opt", "var"]
        var parts = Parts()
        for name in image.entries(".") where !own.contains(name) {
            guard shared.contains(name), image.kind(name) == .directory else {
                try take("/\(name)", image, &parts)
                continue
            }
            for entry in image.entries(name) where !(name == "var" && ["tmp", "run"].contains(entry)) {
                try take("/\(name)/\(entry)", image, &parts)
            }
        }
        return parts
    }

    /// More than any system has of them; the keeper, which everybody needs, takes them one by one.
    private static let most = (folders: 1024, others: 4096, bytes: 64 << 20)

    private static func take(
        _ path: String, _ image: borrowing RootedDirectory, _ parts: inout Parts
    ) throws(SandboxError) {
        guard parts.folders.count < most.folders, parts.links.count + parts.files.count < most.others,
            parts.bytes < most.bytes
        else {
            throw SandboxError(
                code: "image_too_large",
                "The image has more in its /etc, /opt, /var or at its top than a system has: at most "
                    + "\(most.folders) folders, \(most.others) files and links, and \(most.bytes >> 20) MiB of files.")
        }
        let inImage = String(path.dropFirst())
        switch image.kind(inImage) {
        case .directory: parts.folders.append(path)
        case .link: if let destination = image.destination(inImage) { parts.links.append((path, destination)) }
        case .file:
            guard let bytes = image.contents(inImage, limit: 1 << 20) else { break }
            parts.bytes += bytes.count
            parts.files.append((path, bytes))
        case .other, nil: break
        }
    }

    /// /etc files that are the sandbox's own.
    static func synthesised(hostname: String) -> [(path: String, text: String)] {
        [
            (
                "/etc/passwd",
                "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/home/user:/bin/bash\n"
                    + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
            ("/etc/group", "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n"),
            ("/etc/hostname", "\(hostname)\n"),
            ("/etc/hosts", "127.0.0.1 localhost \(hostname)\n::1 localhost ip6-localhost\n"),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"),
            ("/etc/machine-id", "00000000000000000000000000000000\n"),
        ]
    }
}
