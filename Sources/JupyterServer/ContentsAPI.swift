import ContentsStore
import JupyterProtocol
import JupyterServerAPI
import ServerEvents

/// `/api/contents` and `/files`. What is done is told as an event, when it is done.
struct ContentsAPI: Sendable {
    let store: ContentsStore
    let place: APIPlace
    let events: EventBus

    func handle(_ path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        let place = place
        return try await telling {
            switch request.method {
            case "POST":
                let model = try store.post(path, body: request.body)
                let source = try RequestBody.text("copy_from", of: try RequestBody.members(request.body) ?? [:])
                return (
                    .json(model.json, status: 201, location: place.contents(model.path)),
                    ServerEvent.made(model.path, from: source)
                )
            case "PUT":
                let (model, isNew) = try store.put(path, body: request.body)
                return (
                    .json(model.json, status: isNew ? 201 : 200, location: isNew ? place.contents(path) : nil),
                    [.contents("save", model.path)]
                )
            case "PATCH":
                let model = try store.patch(path, body: request.body)
                return (
                    .json(model.json, location: place.contents(model.path)), ServerEvent.moved(path, to: model.path)
                )
            case "DELETE":
                try store.delete(path)
                return (.done, [.contents("delete", path)])
            default:
                let query = try ContentsQuery(
                    type: request.query["type"], format: request.query["format"], content: request.query["content"],
                    hash: request.query["hash"])
                return (.json(try store.get(path, query).json), [.contents("get", path)])
            }
        }
    }

    func checkpoints(of path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        let place = place
        return try await BlockingCalls.run {
            if request.method == "POST" {
                let checkpoint = try store.createCheckpoint(of: path)
                return .json(
                    checkpoint.json, status: 201, location: place.checkpoint(checkpoint.id, of: path))
            }
            return .json(.array(try store.checkpoints(of: path).map(\.json)))
        }
    }

    func checkpoint(_ id: String, of path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        return try await BlockingCalls.run {
            if request.method == "POST" {
                try store.restoreCheckpoint(id, of: path)
            } else {
                try store.deleteCheckpoint(id, of: path)
            }
            return .done
        }
    }

    func trust(_ path: String) async throws -> Answer {
        let store = store
        return try await telling {
            try store.trust(path)
            return (Answer(status: 201), [.contents("save", path)])
        }
    }

    /// A file as it is; with a wish to download as one to keep, and not to show.
    func file(_ path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        return try await telling {
            let (bytes, mediaType) = try store.file(path)
            var answer = Answer(
                status: 200, headers: [("Content-Type", mediaType ?? "application/octet-stream")], body: bytes)
            if !(request.query["download"] ?? "").isEmpty {
                // RFC 6266, section 4.3: any name, in UTF-8.
                let name = PercentEncoding.encoded(path: path.split(separator: "/").last.map(String.init) ?? "")
                answer.headers.append(("Content-Disposition", "attachment; filename*=utf-8''\(name)"))
            }
            return (answer, [.contents("get", path)])
        }
    }

    private func telling(_ body: @escaping @Sendable () throws -> (Answer, [ServerEvent])) async throws -> Answer {
        let (answer, news) = try await BlockingCalls.run(body)
        for event in news { events.tell(event) }
        return answer
    }
}
