import CLinux
import Glibc

/// A listening TCP socket of our own making, so that its descriptor can outlive the process that serves it.
public enum TCPListener {
    /// Listens on a numeric address, a name, or `*` for every IPv4 address.
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
}
