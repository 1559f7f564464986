import Glibc
import KeeperWire

/// What every sandbox sees of the machine's own system: named parts, read-only, none of the user's files.
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
        "/proc/vmallocinfo", "/proc/config.gz", "/proc/kallsyms", "/proc/modules", "/proc/slabinfo",
    ]

    /// Directories of /proc hidden under an empty one.
    static let maskedDirectories = ["/proc/acpi", "/proc/asound", "/proc/scsi"]

    /// Parts of /proc that must not be written.
    static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]

    /// Mounts of the system that exist on this machine. A part of /sys tells numpy and others about processors.
    static func mounts() -> [SandboxSpec.Mount] {
        let parts = programs + configuration + ["/sys/devices/system/cpu", "/sys/devices/system/node"]
        return parts.compactMap { path in
            guard let kind = Paths.kind(path, followLinks: false), kind.isDirectory else { return nil }
            return SandboxSpec.Mount(host: path, inside: path, mode: .readOnly)
        }
    }

    /// Links such as /bin → usr/bin, as the machine has them.
    static func links() -> [(path: String, destination: String)] {
        programs.compactMap { path in
            guard let kind = Paths.kind(path, followLinks: false), kind.isLink,
                let destination = Paths.destination(path)
            else { return nil }
            return (path, destination)
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
