import Crypto
import LinuxKit

/// Tags of bodies, by which a client that has one learns that it is still the same (RFC 9110, sections 8.8.3 and 13.1.2).
enum EntityTag {
    /// The answer with the tag of its body, or the word that the client has it: for every body that is answered to a
    /// `GET`, as Tornado has it.
    static func tagged(_ answer: Answer, _ method: String, ifNoneMatch: String?) async throws -> Answer {
        guard answer.status == 200, ["GET", "HEAD"].contains(method), answer.stream == nil else { return answer }
        var answer = answer
        let body = answer.body
        // A body of hundreds of megabytes, in base64, takes a second.
        let tag = body.count > 1 << 20 ? try await BlockingCalls.run { quoted(body) } : quoted(body)
        answer.headers.append(("ETag", tag))
        guard let ifNoneMatch, matches(ifNoneMatch, tag) else { return answer }
        answer.status = 304
        answer.body = []
        answer.headers.removeAll { $0.name == "Content-Type" }
        return answer
    }

    private static func quoted(_ body: [UInt8]) -> String { "\"\(Hexadecimal.text(of: SHA256.hash(data: body)))\"" }

    /// Whether a tag is among those of a header; weak ones are compared as strong ones.
    static func matches(_ header: String, _ tag: String) -> Bool {
        if header.first == "*" { return true }
        // Between quotes there may be commas, and never quotes: each second piece is a tag's inner part.
        let pieces = header.split(separator: "\"", omittingEmptySubsequences: false)
        return stride(from: 1, to: pieces.count - 1, by: 2).contains { "\"\(pieces[$0])\"" == tag }
    }
}
