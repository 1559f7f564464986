import JupyterProtocol
import KernelRuntime

extension OutgoingMessage {
    /// The id of the request that it answers.
    var parentID: String? { JSONCheck.text(at: "msg_id", in: parentHeader) }

    /// Whether it says that a request is through.
    var isIdle: Bool { type == "status" && JSONCheck.text(at: "execution_state", in: content) == "idle" }
}
