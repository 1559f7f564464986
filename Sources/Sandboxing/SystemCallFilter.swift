import CLinux
import Glibc
import LinuxKit

/// The seccomp programs that every process of a sandbox runs under, as they travel: each behind its length, 32 bits,
/// in the order in which they are installed.
public enum SystemCallFilter {
    /// Puts programs into one piece.
    public static func encode(_ programs: [[UInt8]]) -> [UInt8] {
        programs.flatMap { program in
            withUnsafeBytes(of: UInt32(program.count).littleEndian) { Array($0) } + program
        }
    }

    /// Holds the calling process to all of them. It must have given up new privileges.
    static func install(_ encoded: [UInt8]) throws(SystemError) {
        var rest = encoded[...]
        repeat {
            let size = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + size, size > 0 else { throw SystemError("seccomp", EINVAL) }
            let program = Array(rest.dropFirst(4).prefix(size))
            try SystemError.check("seccomp", clinux_install_filter(program, program.count))
            rest = rest.dropFirst(4 + size)
        } while !rest.isEmpty
    }
}
