import CSeccomp
import Glibc
import LinuxKit

/// What allowed system calls may not be asked for.
///
/// A filter of its own: of two filters the stricter answer counts (seccomp(2)), and "anything but these values" can
/// only be said by naming the values.
enum RefusedArguments {
    private static let refusal = SeccompFilter.failing(EPERM)

    /// The compiled filter.
    static func program() throws(SystemError) -> [UInt8] {
        let filter = try SeccompFilter(otherwise: SeccompFilter.allow)
        try refuseNamespaces(filter)
        try refuseCoreLimits(filter)
        try refuseLimitsOfInit(filter)
        try refuseControls(filter)
        try refuseModes(filter)
        try refuseDevices(filter)
        return try filter.program()
    }

    /// New namespaces would give back capabilities.
    private static func refuseNamespaces(_ filter: SeccompFilter) throws(SystemError) {
        let (time, mount, cgroup, uts): (UInt64, UInt64, UInt64, UInt64) = (0x80, 0x2_0000, 0x200_0000, 0x400_0000)
        let (ipc, user, pid, network): (UInt64, UInt64, UInt64, UInt64) = (
            0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000
        )
        // A child of the keeper's, not of the code's: it would be the keeper's to reap, and nobody's in the sandbox.
        let asSibling: UInt64 = 0x8000
        try filter.add(refusal, "clone", SeccompFilter.holds(0, asSibling))
        for namespace in [time, mount, cgroup, uts, ipc, user, pid, network] {
            try filter.add(refusal, "clone", SeccompFilter.holds(0, namespace))
        }
    }

    /// Another limit than the one that is set would let the program that core_pattern names run on the host. Nothing
    /// is dumped as it is; gpg and ssh-agent ask for that and insist, so they hear that it is done.
    private static func refuseCoreLimits(_ filter: SeccompFilter) throws(SystemError) {
        let core: UInt64 = 4
        let done = SeccompFilter.failing(0)
        try filter.add(done, "setrlimit", SeccompFilter.int(0, core))
        try filter.add(done, "prlimit64", SeccompFilter.int(1, core), SeccompFilter.different(2, 0))
    }

    /// PID 1 is the same user where there is only one, and would end by a limit of processor time.
    private static func refuseLimitsOfInit(_ filter: SeccompFilter) throws(SystemError) {
        try filter.add(refusal, "prlimit64", SeccompFilter.int(0, 1), SeccompFilter.different(2, 0))
    }

    /// Controls of terminals and of the process itself.
    private static func refuseControls(_ filter: SeccompFilter) throws(SystemError) {
        // Types into the terminal of whoever looks at it, pastes into a console, loads a module.
        let (typeInput, paste, discipline): (UInt64, UInt64, UInt64) = (0x5412, 0x541c, 0x5423)
        for request in [typeInput, paste, discipline] {
            try filter.add(refusal, "ioctl", SeccompFilter.int(1, request))
        }
        // What /proc says of the process; sets of capabilities, which are empty and stay so.
        let (memoryMap, dropBound, securebits): (UInt64, UInt64, UInt64) = (35, 24, 28)
        for option in [memoryMap, dropBound, securebits] {
            try filter.add(refusal, "prctl", SeccompFilter.int(0, option))
        }
    }

    /// A set-uid or set-gid file made in a shared folder would be one on the host.
    private static func refuseModes(_ filter: SeccompFilter) throws(SystemError) {
        let calls: [(name: String, mode: UInt32)] = [
            ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2),
        ]
        for bit: UInt64 in [0o4000, 0o2000] {
            for call in calls { try filter.add(refusal, call.name, SeccompFilter.holds(call.mode, bit)) }
            // The mode counts with O_CREAT and O_TMPFILE; without them it is whatever was in the register.
            for create: UInt64 in [0x40, 0x40_0000] {
                for (name, flags): (String, UInt32) in [("open", 1), ("openat", 2)] {
                    try filter.add(
                        refusal, name, SeccompFilter.holds(flags, create), SeccompFilter.holds(flags + 1, bit))
                }
            }
        }
    }

    /// Whoever has no privileges may make one device all the same: 0:0, which in a layer of an overlay says that a file
    /// is not there (overlayfs, "whiteouts and opaque directories").
    private static func refuseDevices(_ filter: SeccompFilter) throws(SystemError) {
        let (kinds, character, block): (UInt64, UInt64, UInt64) = (0o170000, 0o020000, 0o060000)
        for kind in [character, block] {
            for (name, mode): (String, UInt32) in [("mknod", 1), ("mknodat", 2)] {
                try filter.add(
                    refusal, name,
                    SeccompFilter.masked(mode, kinds, kind))
            }
        }
    }
}
