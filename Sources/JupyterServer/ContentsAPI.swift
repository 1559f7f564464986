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
                    ContentsAPI.answer(model, status: 201, location: place.contents(model.path)),
                    ServerEvent.made(model.path, from: source)
                )
            case "PUT":
                let (model, isNew) = try store.put(path, body: request.body)
                return (
                    ContentsAPI.answer(model, status: isNew ? 201 : 200, location: place.contents(model.path)),
                    [.contents("save", model.path)]
                )
            case "PATCH":
                let model = try store.patch(path, body: request.body)
                return (
                    ContentsAPI.answer(model, location: place.contents(model.path)),
                    ServerEvent.moved(path, to: model.path)
                )
            case "DELETE":
                try store.delete(path)
                return (.done, [.contents("delete", path)])
            default:
                let query = try ContentsQuery(
                    type: request.query["type"], format: request.query["format"], content: request.query["content"],
                    hash: request.query["hash"])
                return (ContentsAPI.answer(try store.get(path, query)), [.contents("get", path)])
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

    /// A file as it is.
    func file(_ path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        return try await telling {
            let answer = try FileAnswer.answer(path, request, from: store)
            return (answer, [.contents("get", path)])
        }
    }

    private static func answer(_ model: ContentsModel, status: Int = 200, location: String? = nil) -> Answer {
        var answer = Answer.json(model.json, status: status, location: location)
        answer.headers.append(("Last-Modified", HTTPDate.text(microseconds: model.lastModified)))
        return answer
    }

    private func telling(_ body: @escaping @Sendable () throws -> (Answer, [ServerEvent])) async throws -> Answer {
        let (answer, news) = try await BlockingCalls.run(body)
        for event in news { events.tell(event) }
        return answer
    }
}
