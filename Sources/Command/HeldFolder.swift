import Glibc
import LinuxKit

/// A folder that was opened before a sandbox began, so that what is put there later ends there: a sandbox that may write
/// above it could put a link in its place meanwhile.
final class HeldFolder {
    private let folder: OwnedDescriptor

    /// Opens a folder, which must exist.
    init(_ path: String) throws(SystemError) {
        folder = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), on: path))
    }

    /// Writes a file in it, whole or not at all.
    func write(_ bytes: [UInt8], to name: String) throws(SystemError) {
        // The link leads to the open folder itself (proc_pid_fd(5)), whatever has the folder's name now.
        try WholeFile.write(bytes, to: "/proc/self/fd/\(folder.number)/\(name)")
    }
}
