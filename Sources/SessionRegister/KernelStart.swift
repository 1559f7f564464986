/// A kernel that has to be started before a session can be made or changed.
public struct KernelStart: Hashable, Sendable {
    /// The session that it is for.
    public let session: String
    /// The document's path: the kernel starts in its folder.
    public let path: String
    /// The document's name; with the folder it is the kernel's `JPY_SESSION_NAME`.
    public let name: String?
    /// The kernelspec; nil for the default one.
    public let kernelName: String?
    /// The id that the kernel gets; nil for any.
    public let kernelID: String?
}
