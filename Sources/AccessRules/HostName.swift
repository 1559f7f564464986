import Glibc

/// The names by which a client says that it means this machine.
enum HostName {
    /// Whether a `Host` header names the loopback device or one of `names`. Other names are those of an attacker's
    /// domain that leads to this machine (DNS rebinding).
    static func isLocal(_ header: String, names: Set<String>) -> Bool {
        var host = withoutPort(header).lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if names.contains(host) { return true }
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127]
        return bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] || bytes.starts(with: mapped)
    }

    private static func withoutPort(_ header: String) -> Substring {
        guard let colon = header.lastIndex(of: ":") else { return header[...] }
        let port = header[header.index(after: colon)...]
        return !port.isEmpty && port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? header[..<colon] : header[...]
    }

    /// The host and port of a URL; empty when it has none.
    static func authority(of url: String) -> Substring {
        guard let slashes = url.firstRange(of: "//") else { return "" }
        let scheme = url[..<slashes.lowerBound]
        guard scheme.isEmpty || (scheme.last == ":" && !scheme.dropLast().contains { "/?#:".contains($0) }) else {
            return ""
        }
        return url[slashes.upperBound...].prefix { !"/?#".contains($0) }
    }

    /// The scheme, host and port of a URL, which is what `Origin` has of it.
    static func origin(of url: String) -> String {
        let authority = authority(of: url)
        return authority.isEmpty ? "" : String(url[..<authority.endIndex])
    }
}
