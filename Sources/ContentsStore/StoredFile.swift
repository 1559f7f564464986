/// A file as it is, without a notion of what is in it.
public struct StoredFile: Hashable, Sendable {
    /// Its name, without the folders before it.
    public let name: String
    /// Its length in bytes.
    public let size: Int64
    /// When its content was last changed, in microseconds since 1970.
    public let modified: Int64
    /// What its name says of its content, such as `text/csv`.
    public let mediaType: String?
    /// Those of its bytes that were asked for.
    public var bytes: [UInt8] = []
}
