public import KernelHosting
public import UsageLedger

/// What an operator decides about a server as a whole.
public struct ServerSettings: Sendable {
    /// The folder that the server keeps what is its own in.
    public var state: String
    /// The path of the folder whose files are served, without links.
    public var root: String
    /// Which kernels are ended because nobody uses them; nil for none.
    public var culling: CullingRules?
    /// The file in which use is put down; nil when none is.
    public var ledger: String?
    /// What things cost; nil when nobody has said it.
    public var prices: PriceTable?

    /// Settings with everything else as it is without a word about it.
    public init(state: String, root: String) {
        self.state = state
        self.root = root
    }
}
