import BoundedQueue
import JupyterServerAPI
import KernelHosting

/// `/api/kernels/{id}/events`: what a kernel has said and says, without a WebSocket.
struct EventsAPI: Sendable {
    let kernels: KernelAPI

    func read(_ id: String, _ request: APIRequest) async throws -> Answer {
        let kernel = try await kernels.kernel(id)
        let encoding = EventEncoding(accept: request.fields["accept"])
        // A browser that comes back says by itself what it has.
        let sequence =
            if let last = request.fields["last-event-id"] { try EventNumber.read(last) } else {
                try EventNumber.read(since: request.query) ?? 0
            }
        let isLive = ["1", "true"].contains(request.query["follow"])
        if request.method == "HEAD" { return EventsAPI.answer(encoding) }
        return EventsAPI.answer(encoding, await kernel.observe(after: sequence, isLive: isLive), of: kernel)
    }

    /// The answer whose body is what comes out of a queue.
    static func answer(
        _ encoding: EventEncoding, _ queue: EventQueue, of kernel: HostedKernel, headers: [(String, String)] = []
    ) -> Answer {
        var answer = answer(encoding)
        answer.headers += headers
        answer.stream = AnswerStream(
            next: { await queue.next().map { events in events.flatMap(encoding.encode) } },
            end: { await kernel.forget(queue) })
        return answer
    }

    private static func answer(_ encoding: EventEncoding) -> Answer {
        Answer(
            status: 200, headers: [("Content-Type", encoding.mediaType), ("Cache-Control", "no-cache")])
    }
}
