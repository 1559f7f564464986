import CLinux
import Glibc

/// Anonymous files (memfd_create(2)) whose seals bind every process that holds them.
public enum MemoryFile {
    /// A file of `size` zero bytes whose size nobody can change any more.
    ///
    /// Without the seals a process that shares it could cut it short and so kill a reader with SIGBUS.
    public static func sealedSize(name: String, size: Int) throws(SystemError) -> OwnedDescriptor {
        let file = OwnedDescriptor(adopting: try SystemError.check("memfd_create", clinux_memory_file(name, false)))
        try SystemError.checkErrno("ftruncate", ftruncate(file.number, size))
        try SystemError.check("fcntl(F_ADD_SEALS)", clinux_seal(file.number, false))
        return file
    }

    /// An executable copy of the program at `path` that nobody can write any more.
    ///
    /// A process that runs from it can keep `/proc/self/exe` and write to it for ever: each write fails.
    public static func sealedProgram(name: String, copyOf path: String) throws(SystemError) -> OwnedDescriptor {
        let source = OwnedDescriptor(
            adopting: try SystemError.checkErrno("open", open(path, O_RDONLY | O_CLOEXEC), on: path))
        let file = OwnedDescriptor(adopting: try SystemError.check("memfd_create", clinux_memory_file(name, true)))
        while true {
            let count = sendfile(file.number, source.number, nil, 1 << 30)
            guard count >= 0 else { throw SystemError("sendfile", Glibc.errno, on: path) }
            if count == 0 { break }
        }
        try SystemError.checkErrno("fchmod", fchmod(file.number, 0o555))
        try SystemError.check("fcntl(F_ADD_SEALS)", clinux_seal(file.number, true))
        return file
    }
}
