/// The version that each wire between Husk's processes begins with, because sandboxes outlive upgrades.
public enum KeeperVersion {
    /// The version of this build.
    public static let current: UInt32 = 5
}

extension WireWriter {
    /// Begins the first message of a connection: kind 0, and the version.
    public mutating func appendHello() {
        append(UInt8(0))
        append(KeeperVersion.current)
    }
}

extension WireReader {
    /// Reads a message's kind. Throws for the first message, 0, of another version.
    public mutating func kind() throws(WireError) -> UInt8 {
        let kind = try integer(UInt8.self)
        guard kind == 0 else { return kind }
        let version = try integer(UInt32.self)
        guard version == KeeperVersion.current else { throw .version(theirs: version) }
        return kind
    }
}
