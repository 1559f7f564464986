import Glibc
import JupyterProtocol
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

        /// The session id that the kernel's first server made; nil when it is not there any more.
        func readSession() -> String? {
            guard let bytes = try? WholeFile.read("\(directory)/session"), bytes.count == 32 else { return nil }
            return String(validating: bytes, as: UTF8.self)
        }

        /// Keeps what the interpreter has said of itself, which it says once, beside the journal that may be damaged.
        func keep(hello: [UInt8]) {
            // Without it a damaged journal costs clients what the language is.
            try? WholeFile.write(hello, to: "\(directory)/hello", mode: 0o600)
        }

        /// What was kept of it; nil when that is nothing.
        func readHello() -> JSONValue? {
            let bytes = try? WholeFile.read("\(directory)/hello")
            return bytes.flatMap { try? JSONValue(parsing: $0) }
        }

        /// Gives one of the kernel's small files another name when it cannot be one. Returns what was wrong; nil when
        /// nothing was.
        func check(_ name: String) throws(SystemError) -> String? {
            let path = "\(directory)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0 else { return name == "session" ? "\(path) is missing" : nil }
            // A position is none until something has been told.
            let isWhole =
                switch name {
                case "session": readSession() != nil
                case "position": status.st_size == 24 || status.st_size == 0
                default: readHello() != nil
                }
            let reason = DamagedFile.reason(path) ?? (isWhole ? nil : "it is not what was written")
            guard let reason else { return nil }
            return "\(path) is damaged: \(reason). It is now \(try DamagedFile.setAside(path))"
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
