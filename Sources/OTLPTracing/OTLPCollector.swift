import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Where spans go (OpenTelemetry Protocol, "OTLP/HTTP").
public struct OTLPCollector: Sendable {
    /// What has become of spans.
    enum Outcome: Hashable, Sendable {
        case taken
        /// They may be sent again, after so many seconds if the collector says so.
        case away(retryAfter: Int64?)
        case refused
    }

    /// The address that is posted to.
    public let url: String
    private let headers: HTTPHeaders

    /// Names a collector.
    ///
    /// - Parameters:
    ///   - url: the whole address, `…/v1/traces` as a rule.
    ///   - headers: sent with every request, such as a key.
    public init(url: String, headers: [(String, String)] = []) throws(OTLPError) {
        let isAddress = (try? HTTPClient.Request(url: url)).map { ["http", "https"].contains($0.scheme) } ?? false
        guard isAddress else { throw .badAddress(url) }
        self.url = url
        self.headers = HTTPHeaders(headers + [("Content-Type", "application/json"), ("User-Agent", "husk")])
    }

    /// The address for traces of a collector whose address is that for everything.
    public static func traces(below base: String) -> String { base + (base.hasSuffix("/") ? "" : "/") + "v1/traces" }

    /// Posts a message.
    func send(_ message: [UInt8], over client: HTTPClient, within time: Duration) async -> Outcome {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = headers
        request.body = .bytes(ByteBuffer(bytes: message))
        do {
            let answer = try await client.execute(request, timeout: TimeAmount(time))
            // A connection can be used again when everything has been read.
            _ = try? await answer.body.collect(upTo: 1 << 16)
            switch answer.status.code {
            case 200..<300: return .taken
            case 429, 502, 503, 504:
                return .away(retryAfter: answer.headers.first(name: "Retry-After").flatMap { Int64($0) })
            default: return .refused
            }
        } catch {
            return .away(retryAfter: nil)
        }
    }
}
