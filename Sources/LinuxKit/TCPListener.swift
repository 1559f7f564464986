import CLinux
import Glibc

/// A listening TCP socket of our own making, so that its descriptor can outlive the process that serves it.
public enum TCPListener {
    /// Listens on a numeric address, a name, or `*` for every IPv4 address; on the port that the
    /// system picks for 0.
    public static func listen(address: String, port: Int, backlog: Int32 = 128) throws(SystemError) -> OwnedDescriptor {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let outcome = getaddrinfo(address == "*" ? "0.0.0.0" : address, "\(port)", &hints, &list)
        guard outcome == 0, let first = list else { throw SystemError("getaddrinfo", EADDRNOTAVAIL, on: address) }
        defer { freeaddrinfo(list) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = OwnedDescriptor(
            adopting: try SystemError.checkErrno("socket", Glibc.socket(first.pointee.ai_family, kind, 0)))
        // A kernel that is restarted finds its old connections in TIME_WAIT on the same ports.
        var on: Int32 = 1
        setsockopt(socket.number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        try SystemError.checkErrno(
            "bind", bind(socket.number, first.pointee.ai_addr, first.pointee.ai_addrlen), on: "\(address):\(port)")
        try SystemError.checkErrno("listen", Glibc.listen(socket.number, backlog), on: "\(address):\(port)")
        return socket
    }

    /// Listens on a port that nobody has and that the system does not give to connections: within that range a client
    /// that connects again and again while nobody listens meets itself, and has the port.
    public static func listenOnFreePort(address: String) throws(SystemError) -> OwnedDescriptor {
        let range = 10_000..<max(10_001, firstPortOfConnections())
        for _ in 0..<64 {
            do throws(SystemError) {
                return try listen(address: address, port: .random(in: range))
            } catch {
                guard error.errno == EADDRINUSE else { throw error }
            }
        }
        return try listen(address: address, port: 0)
    }

    /// ip(7), `ip_local_port_range`.
    private static func firstPortOfConnections() -> Int {
        let usual = 32_768
        guard let file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re") else { return usual }
        defer { fclose(file) }
        var first: Int32 = 0
        let isRead = withUnsafeMutablePointer(to: &first) { pointer in
            withVaList([pointer]) { vfscanf(file, "%d", $0) == 1 }
        }
        return isRead ? Int(first) : usual
    }

    /// The port that a listening socket has: the system's choice where `listen` was given 0.
    public static func port(of listener: borrowing OwnedDescriptor) throws(SystemError) -> Int {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = listener.number
        let outcome = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) }
        }
        try SystemError.checkErrno("getsockname", outcome)
        // Both families have the port at the same place.
        let port = withUnsafeBytes(of: storage) { $0.load(fromByteOffset: 2, as: UInt16.self) }
        return Int(UInt16(bigEndian: port))
    }
}
