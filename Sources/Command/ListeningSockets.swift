import Glibc
import LinuxKit

/// What listens on this machine, from /proc/net (proc(5)): what `--network host` lets a sandbox talk to.
enum ListeningSockets {
    /// Addresses such as `127.0.0.1:8888`, each once, in order of ports.
    static func all() -> [String] {
        var found: [Int: String] = [:]
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let bytes = try? WholeFile.read(file) else { continue }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                // 0A is TCP_LISTEN.
                guard fields.count > 3, fields[3] == "0A", let socket = parse(fields[1]) else { continue }
                if found[socket.port] == nil { found[socket.port] = "\(socket.address):\(socket.port)" }
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Reads `0100007F:22B8`, an address of four bytes in the machine's order and a port.
    private static func parse(_ text: Substring) -> (address: String, port: Int)? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1], radix: 16) else { return nil }
        guard parts[0].count == 8, let word = UInt32(parts[0], radix: 16) else { return ("[::]", port) }
        let bytes = withUnsafeBytes(of: word) { $0.map { "\($0)" } }
        return (bytes.joined(separator: "."), port)
    }
}
