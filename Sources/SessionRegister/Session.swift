public import JupyterServerAPI

/// A document, or whatever else a client has a kernel for.
public struct Session: Hashable, Sendable {
    /// Its id.
    public let id: String
    /// By what clients tell it apart: no two sessions are made for one path.
    public var path: String
    /// The document's name; clients may leave it out.
    public var name: String?
    /// `notebook`, `console`, `file`, or another word of a client's.
    public var type: String
    /// Its kernel's id. More than one session may have the same kernel.
    public var kernelID: String

    /// What the API shows of it.
    public func model(kernel: KernelModel) -> SessionModel {
        SessionModel(id: id, path: path, name: name, type: type, kernel: kernel)
    }
}
