import Glibc
import LinuxKit

/// The lines that a user types, or that a pipe gives.
final class ConsoleInput {
    /// Called when there are more lines, and at the end.
    var onLines: (() -> Void)?
    /// Whether nothing more comes.
    private(set) var isAtEnd = false

    /// Whether there is another line, or may be.
    var hasMore: Bool { !isAtEnd || !lines.isEmpty || !bytes.isEmpty }

    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private var bytes: [UInt8] = []
    private var lines: [String] = []

    /// Reads standard input on a loop.
    init(loop: EventLoop) {
        self.loop = loop
    }

    /// Begins to read.
    func begin() {
        // A file is always ready and cannot be waited for (epoll_ctl(2), EPERM).
        watch = try? loop.watch(0) { [unowned self] _ in read() }
        if watch == nil { while !isAtEnd { read() } }
    }

    /// The next line; nil when there is none now.
    func next() -> String? {
        if !lines.isEmpty { return lines.removeFirst() }
        guard isAtEnd, !bytes.isEmpty else { return nil }
        defer { bytes = [] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Shows what is typed, or not.
    func setEcho(_ on: Bool) {
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else { return }
        let echo = tcflag_t(ECHO)
        settings.c_lflag = on ? settings.c_lflag | echo : settings.c_lflag & ~echo
        tcsetattr(0, TCSANOW, &settings)
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(0, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        if count <= 0 {
            isAtEnd = true
            if let watch { loop.forget(watch) }
        } else {
            bytes += buffer.prefix(count)
            while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(String(decoding: bytes[..<end], as: UTF8.self))
                bytes.removeFirst(end + 1)
            }
        }
        onLines?()
    }
}
