import ContentsStore
import JupyterProtocol
import JupyterServerAPI
import KernelHosting

/// `/api/resolvePath`: where a path that somebody has read is in the contents API, a traceback's for example.
struct PathAPI: Sendable {
    let contents: ContentsStore
    let kernels: KernelAPI
    /// The folder that is served, which kernels have at the same path.
    let root: String

    func resolve(_ request: APIRequest) async throws -> Answer {
        guard let path = request.query["path"], !path.utf8.contains(0) else {
            throw APIError(400, "Missing argument path")
        }
        var answer: JSONValue = [:]
        var resolved: [JSONValue] = []
        if let found = try await find(path, from: "") { resolved.append(["scope": "server", "path": .string(found)]) }
        if let id = request.query["kernel"], !id.isEmpty {
            if let kernel = await kernels.kernels.kernel(id) {
                let below = contents.folder(of: kernel.origin.path)
                if let found = try await find(path, from: below) {
                    resolved.append(["scope": "kernel", "path": .string(found.isEmpty ? root : "\(root)/\(found)")])
                }
            } else {
                answer["unresolved"] = [
                    ["scope": "kernel", "reason": .string("Kernel \(id) could not be found")]
                ]
            }
        }
        answer["resolved"] = .array(resolved)
        return .json(answer)
    }

    /// The path below the root of what is there; nil when nothing is, or it is outside.
    private func find(_ path: String, from folder: String) async throws -> String? {
        guard let below = PathAPI.path(path, below: root, from: folder) else { return nil }
        let contents = contents
        return try await BlockingCalls.run {
            (try? contents.get(below, ContentsQuery(hasContent: false))) == nil ? nil : below
        }
    }

    /// The path below a root; nil for one that is outside. Relative ones begin in a folder below the root.
    static func path(_ path: String, below root: String, from folder: String) -> String? {
        func words(_ path: some StringProtocol) -> [String] {
            path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: Array($0), as: UTF8.self) }
        }
        var place: [String] = path.utf8.first == UInt8(ascii: "/") ? [] : words(root) + words(folder)
        for word in words(path) where word != "." {
            if word != ".." { place.append(word) } else if place.popLast() == nil { return nil }
        }
        let top = words(root)
        return place.starts(with: top) ? place.dropFirst(top.count).joined(separator: "/") : nil
    }
}
