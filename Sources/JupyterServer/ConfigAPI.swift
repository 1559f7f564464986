import ConfigStore
import JupyterProtocol
import JupyterServerAPI

/// `/api/config/{section}`.
struct ConfigAPI: Sendable {
    let store: ConfigStore

    func handle(_ section: String, _ request: APIRequest) async throws -> Answer {
        guard ConfigStore.isName(section) else { throw APIError(404) }
        let store = store
        do {
            switch request.method {
            case "PUT":
                let members = try ConfigAPI.members(request)
                try await BlockingCalls.run { try store.set(section, to: members) }
                return .done
            case "PATCH":
                let members = try ConfigAPI.members(request)
                return .json(.object(try await BlockingCalls.run { try store.update(section, with: members) }))
            default:
                return .json(.object(try await BlockingCalls.run { try store.section(section) }))
            }
        } catch let error as ConfigError {
            throw ConfigAPI.refusal(error)
        }
    }

    private static func members(_ request: APIRequest) throws(APIError) -> [String: JSONValue] {
        guard let members = try RequestBody.members(request.body) else { throw APIError(400, "No JSON data provided") }
        return members
    }

    private static func refusal(_ error: ConfigError) -> APIError {
        switch error {
        case .badName: APIError(404)
        case .tooLarge, .tooMany: APIError(413, "\(error)")
        case .system: APIError(500, "\(error)")
        }
    }
}
