public import KernelHosting

/// What an operator decides about a server as a whole.
public struct ServerSettings: Sendable {
    /// The folder that the server keeps what is its own in.
    public var state: String
    /// The path of the folder whose files are served, without links.
    public var root: String
    /// Which kernels are ended because nobody uses them; nil for none.
    public var culling: CullingRules?

    /// Settings with everything else as it is without a word about it.
    public init(state: String, root: String) {
        self.state = state
        self.root = root
    }
}
