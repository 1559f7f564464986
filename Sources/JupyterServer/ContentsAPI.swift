import ContentsStore
import JupyterProtocol
import JupyterServerAPI

/// `/api/contents` and `/files`. The store waits for disks, so that each call is on a thread that may.
struct ContentsAPI: Sendable {
    let store: ContentsStore
    let place: APIPlace

    func handle(_ path: String, _ request: APIRequest) async throws -> Answer {
        let store = store
        let place = place
        return try await BlockingCalls.run {
            switch request.method {
            case "POST":
                let model = try store.post(path, body: request.body)
                return .json(model.json, status: 201, location: place.contents(model.path))
            case "PUT":
                let (model, isNew) = try store.put(path, body: request.body)
                return .json(model.json, status: isNew ? 201 : 200, location: isNew ? place.contents(path) : nil)
            case "PATCH":
                let model = try store.patch(path, body: request.body)
                return .json(model.json, location: place.contents(model.path))
            case "DELETE":
                try store.delete(path)
                return .done
            default:
                let query = try ContentsQuery(
                    type: request.query["type"], format: request.query["format"], content: request.query["content"],
                    hash: request.query["hash"])
                return .json(try store.get(path, query).json)
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
        return try await BlockingCalls.run {
            try store.trust(path)
            return Answer(status: 201)
        }
    }

    func file(_ path: String) async throws -> Answer {
        let store = store
        return try await BlockingCalls.run {
            let (bytes, mediaType) = try store.file(path)
            return Answer(
                status: 200, headers: [("Content-Type", mediaType ?? "application/octet-stream")], body: bytes)
        }
    }
}
