import ContentsStore
import JupyterServerAPI

/// The answer to `/files/{path}`, with the headers of Jupyter Server's `AuthenticatedFileHandler`.
struct FileAnswer {
    let request: APIRequest
    private var isUnchanged = false
    private var range = ByteRange.whole

    static func answer(_ path: String, _ request: APIRequest, from store: ContentsStore) throws -> Answer {
        var answer = FileAnswer(request: request)
        let file = try store.file(path) { answer.choose($0) }
        return answer.make(file)
    }

    private init(request: APIRequest) { self.request = request }

    /// Decides which bytes are to be read.
    private mutating func choose(_ file: StoredFile) -> Range<Int64> {
        let seconds = file.modified / 1_000_000
        // Whoever has an entity tag has none of this file: it counts before the date (RFC 9110, section 13.1.3).
        if request.fields["if-none-match"] == nil,
            let known = request.fields["if-modified-since"].flatMap(HTTPDate.seconds)
        {
            isUnchanged = known >= seconds
        }
        // What a client has of an older file must not be joined with a part of this one.
        let isSame = request.fields["if-range"].map { HTTPDate.seconds($0) == seconds } ?? true
        range = ByteRange(isSame ? request.fields["range"] : nil, size: file.size)
        if isUnchanged || request.method == "HEAD" { return 0..<0 }
        return switch range {
        case .whole: 0..<file.size
        case .part(let part): part
        case .none: 0..<0
        }
    }

    private func make(_ file: StoredFile) -> Answer {
        var answer = Answer(status: 200, body: file.bytes)
        var type = file.mediaType ?? "application/octet-stream"
        if type == "text/plain" { type += "; charset=UTF-8" }
        // Only here: the contents API has a notebook that is asked for as a file as a text.
        if file.name.hasSuffix(".ipynb") { type = "application/x-ipynb+json" }
        if request.method == "HEAD" { answer.length = file.size }
        if isUnchanged {
            answer.status = 304
        } else {
            switch range {
            case .whole: break
            case .part(let part):
                answer.status = 206
                let end = request.method == "HEAD" ? part.upperBound : part.lowerBound + Int64(file.bytes.count)
                answer.headers.append(("Content-Range", "bytes \(part.lowerBound)-\(end - 1)/\(file.size)"))
                if request.method == "HEAD" { answer.length = Int64(part.count) }
            case .none:
                answer.status = 416
                answer.length = 0
                type = "text/plain"
                answer.headers.append(("Content-Range", "bytes */\(file.size)"))
            }
            answer.headers.append(("Content-Type", type))
        }
        answer.headers += [
            ("Accept-Ranges", "bytes"), ("Last-Modified", HTTPDate.text(microseconds: file.modified)),
            // With a version in its URL a file is another one when it changes.
            ("Cache-Control", request.query["v"] == nil ? "no-cache" : "max-age=315360000"),
        ]
        if file.name.hasSuffix(".ipynb") || !(request.query["download"] ?? "").isEmpty {
            // RFC 6266, section 4.3: any name, in UTF-8.
            let name = PercentEncoding.encoded(path: file.name)
            answer.headers.append(("Content-Disposition", "attachment; filename*=utf-8''\(name)"))
        }
        return answer
    }
}
