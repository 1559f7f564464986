import CLinux
import Glibc
import LinuxKit
import Sandboxing

/// The system call filter of every sandbox, compiled when the first one is made: that takes milliseconds, its use
/// a tenth of one.
final class CompiledFilter {
    /// The programs, as ``SystemCallFilter`` takes them. Empty before `prepare`.
    private(set) var program: [UInt8] = []
    private var copy: OwnedDescriptorBox?

    /// A sealed file that holds the program, for a host in another process; -1 before `prepare`.
    var file: Int32 { copy?.descriptor.number ?? -1 }

    /// Compiles the filter, once.
    func prepare() throws(SandboxError) {
        if copy != nil { return }
        do throws(SystemError) {
            program = SystemCallFilter.encode([try RefusedArguments.program(), try AllowedCalls.program()])
            let file = OwnedDescriptor(
                adopting: try SystemError.check("memfd_create", clinux_memory_file("husk-filter", false)))
            guard write(file.number, program, program.count) == program.count else {
                throw SystemError("write", errno)
            }
            try SystemError.check("fcntl(F_ADD_SEALS)", clinux_seal(file.number, true))
            copy = OwnedDescriptorBox(file)
        } catch {
            throw SandboxError(making: "system call filter", error)
        }
    }
}
