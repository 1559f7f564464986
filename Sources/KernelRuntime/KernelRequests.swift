import JupyterProtocol

extension KernelServer {
    /// The number of a request, if it is still remembered.
    ///
    /// - Parameter id: the id in its header.
    public func number(of id: String) -> UInt64? {
        machine.memory.all.last { JSONCheck.text(at: "msg_id", in: $0.header) == id }?.number
    }

    /// Whether a request waits for a line of input.
    public func isAsking(_ request: UInt64) -> Bool { machine.asking.contains(request) }

    /// Whether any request waits for a line of input.
    public var isAsking: Bool { !machine.asking.isEmpty }
}
