import HTTPTypes
import Hummingbird
import JupyterServerAPI
import NIOCore
import WebServing

/// How long bodies may be.
extension Endpoint {
    /// Bytes of a body. A file comes in JSON, and perhaps in base64: it is longer than what the contents store takes.
    var largestBody: Int {
        switch self {
        case .contents: 384 << 20
        // A cell of the size of a message over a WebSocket.
        case .execute: (64 << 20) + (1 << 20)
        case .server(.events), .server(.securityReport), .server(.logIn): 1 << 16
        default: 1 << 20
        }
    }
}

extension Request {
    /// Bytes that the client says the body has; nil when it does not say it beforehand.
    var announcedLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    /// The bytes of the body, for which a client that waits is asked; nil when they are more than are taken.
    mutating func body(for endpoint: Endpoint, _ context: GatewayContext) async throws -> [UInt8]? {
        guard (announcedLength ?? 0) <= endpoint.largestBody else { return nil }
        BodyWanted.tell(context.channel)
        do {
            return Array(buffer: try await collectBody(upTo: endpoint.largestBody))
        } catch is NIOTooManyBytesError { return nil }
    }

    /// Whether the body, if nobody reads it, is not worth waiting for.
    var hasLongBody: Bool { headers[.transferEncoding] != nil || (announcedLength ?? 0) > 1 << 16 }
}

extension Answer {
    /// The body is longer than what is taken, and is not read: nothing can follow it.
    static func tooLong(_ endpoint: Endpoint) -> Answer {
        refusal(
            APIError(
                413,
                "The body of this request is longer than \(endpoint.largestBody) bytes, which is all that is taken.")
        ).last
    }

    /// The same answer as the connection's last.
    var last: Answer {
        var answer = self
        answer.headers.append(("Connection", "close"))
        return answer
    }
}
