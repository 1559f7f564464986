public import JupyterProtocol

/// How an execution is.
public struct ExecutionReport: Hashable, Sendable {
    /// What it has come to.
    public enum State: Hashable, Sendable {
        /// It waits.
        case queued
        /// It runs.
        case running
        /// It waits for a line: the header of the question, and its content.
        case input(header: JSONValue, content: JSONValue)
        /// It has ended by itself, well or with an error of its own.
        case complete
        /// It was not run, or not to its end: why, a sentence.
        case failed(String)
    }

    /// Its id, which is that of its request.
    public let id: String
    /// Its request's metadata.
    public let metadata: [String: JSONValue]
    /// What it has come to.
    public let state: State
    /// What it has said so far, or its result.
    public let facts: [String: JSONValue]

    /// Whether it has not ended.
    public var isPending: Bool {
        switch state {
        case .queued, .running, .input: true
        case .complete, .failed: false
        }
    }
}
