import CLinux
import CSeccomp
import Glibc
import LinuxKit
import Sandboxing

/// A filter of system calls in the making (seccomp(2), libseccomp).
final class SeccompFilter {
    static let allow: UInt32 = 0x7fff_0000
    private static let kill: UInt32 = 0x8000_0000

    private let context: scmp_filter_ctx

    /// A filter that answers every call with `action` until rules say otherwise.
    init(otherwise action: UInt32) throws(SystemError) {
        guard let context = seccomp_init(action) else { throw SystemError("seccomp_init", ENOMEM) }
        self.context = context
        // Another architecture's entry (32-bit, x32) has other numbers: no call of it is let through.
        try SystemError.check(
            "seccomp_attr_set", seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SeccompFilter.kill))
        try SystemError.check("seccomp_attr_set", seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))
    }

    deinit {
        seccomp_release(context)
    }

    /// The action that makes a call fail with `errno`, or look done with 0.
    static func failing(_ errno: Int32) -> UInt32 { 0x0005_0000 | UInt32(errno) }

    /// Adds a rule for calls by name, separated by white space. Those that this architecture does not have, or
    /// that libseccomp does not know, are left out.
    func add(_ action: UInt32, _ names: String, _ conditions: scmp_arg_cmp...) throws(SystemError) {
        for name in names.split(whereSeparator: \.isWhitespace) {
            let number = seccomp_syscall_resolve_name(String(name))
            if number >= 0 { try add(action, number: number, conditions) }
        }
    }

    /// Adds a rule for a call by its number.
    func add(_ action: UInt32, number: Int32, _ conditions: [scmp_arg_cmp] = []) throws(SystemError) {
        let outcome = conditions.withUnsafeBufferPointer {
            seccomp_rule_add_array(context, action, number, UInt32($0.count), $0.baseAddress)
        }
        // A rule that repeats an earlier one is no error.
        if outcome == -EEXIST { return }
        try SystemError.check("seccomp_rule_add", outcome, on: "system call \(number)")
    }

    /// The compiled program, `struct sock_filter` after `struct sock_filter`.
    func program() throws(SystemError) -> [UInt8] {
        let file = OwnedDescriptor(adopting: try SystemError.check("memfd_create", clinux_memory_file("filter", false)))
        try SystemError.check("seccomp_export_bpf", seccomp_export_bpf(context, file.number))
        let size = lseek(file.number, 0, SEEK_CUR)
        var bytes = [UInt8](repeating: 0, count: Int(size))
        guard pread(file.number, &bytes, bytes.count, 0) == bytes.count else { throw SystemError("pread", EIO) }
        return bytes
    }

    // MARK: Conditions

    /// An argument is a value, in all 64 bits.
    static func equal(_ argument: UInt32, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
    }

    /// An argument is not a value.
    static func different(_ argument: UInt32, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_NE, datum_a: value, datum_b: 0)
    }

    /// An argument is greater than a value.
    static func greater(_ argument: UInt32, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_GT, datum_a: value, datum_b: 0)
    }

    /// An argument has all of these bits.
    static func holds(_ argument: UInt32, _ bits: UInt64) -> scmp_arg_cmp {
        masked(argument, bits, bits)
    }

    /// These bits of an argument are a value.
    static func masked(_ argument: UInt32, _ bits: UInt64, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: bits, datum_b: value)
    }

    /// The low 32 bits of an argument, all that the kernel looks at where it declares an int, are a value: a rule
    /// that looked at more would be passed by setting one of the others.
    static func int(_ argument: UInt32, _ value: UInt64) -> scmp_arg_cmp {
        masked(argument, 0xffff_ffff, value)
    }
}
