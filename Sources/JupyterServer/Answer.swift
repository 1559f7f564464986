import JupyterProtocol
import JupyterServerAPI

/// An answer to a request, before it is put into HTTP.
struct Answer: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// How long the body would be that a `HEAD` asks for; nil when there is one, which is not sent.
    var length: Int64?
    /// What follows the body piece by piece; nil when the body is whole.
    var stream: AnswerStream?

    /// JSON.
    static func json(_ value: JSONValue, status: Int = 200, location: String? = nil) -> Answer {
        Answer(
            status: status,
            headers: [("Content-Type", "application/json")] + (location.map { [("Location", $0)] } ?? []),
            body: value.encoded())
    }

    /// It is done, and there is nothing to say.
    static let done = Answer(status: 204)

    /// Why it is not done.
    static func refusal(_ error: APIError) -> Answer { json(error.body, status: error.status) }
}
