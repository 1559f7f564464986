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
        try sealContent(of: file)
        return file
    }

    /// Waits until nobody else holds a page of the file, which is a matter of milliseconds: what has just been written
    /// may still stand in another processor's list of new pages. On a loaded machine the kernel's own patience of
    /// 150 ms (memfd_wait_for_pins) is too short now and then.
    private static func sealContent(of file: borrowing OwnedDescriptor) throws(SystemError) {
        var outcome: Int32 = 0
        for _ in 0..<20 {
            outcome = clinux_seal(file.number, true)
            if outcome != -EBUSY { break }
        }
        try SystemError.check("fcntl(F_ADD_SEALS)", outcome)
    }
}
