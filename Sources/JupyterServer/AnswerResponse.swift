import AccessRules
import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// Answers as HTTP has them.
extension Answer {
    /// The answer with headers that it has beside its own.
    func response(to request: Request, headers: [AccessDecision.Header] = []) -> Response {
        var fields = HTTPFields()
        for (name, value) in self.headers + headers.map({ ($0.name, $0.value) }) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        if let stream, request.method != .head {
            // Nothing follows it: whether its client has left shows only where the next request would come from.
            fields[.connection] = "close"
            return Response(
                status: .init(code: status), headers: fields, body: Answer.body(stream, of: request))
        }
        let isBodiless = request.method == .head || [204, 304].contains(status)
        if request.method == .head { fields[.contentLength] = "\(length ?? Int64(body.count))" }
        return Response(
            status: .init(code: status), headers: fields,
            body: isBodiless ? .init() : .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func body(_ stream: AnswerStream, of request: Request) -> ResponseBody {
        ResponseBody { writer in
            do {
                try await withGracefulShutdownHandler {
                    try await request.body.consumeWithCancellationOnInboundClose { _ in
                        while let part = await stream.next(), !Task.isCancelled {
                            try await writer.write(ByteBuffer(bytes: part))
                        }
                        try Task.checkCancellation()
                    }
                } onGracefulShutdown: {
                    // It may have no end of its own, and the next server tells the rest.
                    Task { await stream.end() }
                }
                await stream.end()
            } catch {
                await stream.end()
                throw error
            }
            try await writer.finish(nil)
        }
    }
}
