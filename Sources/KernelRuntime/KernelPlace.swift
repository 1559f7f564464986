import Glibc
import LinuxKit

extension KernelServer {
    /// Where a kernel's parts are.
    public struct Place: Hashable, Sendable {
        /// The state directory, an absolute path.
        public var state: String
        /// The kernel's name in it.
        public var kernel: String

        /// Describes a place.
        public init(state: String, kernel: String) {
            self.state = state
            self.kernel = kernel
        }

        /// The folder of the kernel's journal.
        public var directory: String { "\(state)/kernels/\(kernel)" }

        /// Makes the kernel's session id, for its servers one after the other.
        func makeSession() throws(SystemError) -> String {
            let session = Hexadecimal.random(digits: 32)
            let path = "\(directory)/session"
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw SystemError("open", errno, on: path) }
            defer { close(file) }
            guard write(file, session, 32) == 32 else { throw SystemError("write", errno, on: path) }
            return session
        }

        /// The session id that the kernel's first server made.
        func readSession() throws(SystemError) -> String {
            let path = "\(directory)/session"
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw SystemError("open", errno, on: path) }
            defer { close(file) }
            var bytes = [UInt8](repeating: 0, count: 32)
            guard read(file, &bytes, 32) == 32 else { throw SystemError("read", EIO, on: path) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Where a kernel's inputs are remembered.
    public enum History: Hashable, Sendable {
        /// In a database that outlives it and that it shares with others.
        case file(String)
        /// With the kernel.
        case own

        static let fileName = "history.sqlite"

        /// Removes a database that no kernel uses any more.
        public static func remove(_ path: String) {
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        }

        func path(in place: Place, isDurable: Bool) -> String {
            switch self {
            case .file(let path): path
            case .own: isDurable ? "\(place.directory)/\(History.fileName)" : ":memory:"
            }
        }
    }
}
