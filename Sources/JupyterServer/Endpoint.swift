import JupyterServerAPI

/// What a path of the Jupyter Server API names, and the methods that it knows (Jupyter Server, "REST API"). No input or
/// output.
enum Endpoint: Hashable {
    case home
    case version
    case status
    case identity
    case kernelSpecs
    case kernelSpec(String)
    case kernelSpecFile(String, file: String)
    case kernels
    case kernel(String)
    case kernelAction(String, KernelAction)
    case kernelChannels(String)
    case kernelEvents(String)
    case connect(String)
    case execute(String)
    case execution(String, of: String)
    case input(String)
    case terminals
    case terminal(String)
    case terminalSocket(String)
    case sessions
    case session(String)
    case contents(String)
    case checkpoints(String)
    case checkpoint(String, id: String)
    case trust(String)
    case file(String)
    case health
    case metrics
    case server(ServerEndpoint)

    /// Reads a path, without its query and behind the server's base; nil for one that names nothing.
    init?(path: some StringProtocol) {
        // By bytes: a slash with a combining mark is no slash to Swift's characters.
        let words = path.utf8.split(separator: UInt8(ascii: "/")).map {
            PercentEncoding.decoded(String(decoding: Array($0), as: UTF8.self))
        }
        guard let first = words.first else {
            self = .home
            return
        }
        switch (first, words.count) {
        case ("api", 1): self = .version
        case ("api", _): self.init(words: words.dropFirst())
        case ("kernelspecs", 3): self = .kernelSpecFile(words[1], file: words[2])
        case ("files", 2...): self = .file(words.dropFirst().joined(separator: "/"))
        case ("health", 2) where words[1] == "live" || words[1] == "ready": self = .health
        case ("terminals", 3) where words[1] == "websocket": self = .terminalSocket(words[2])
        case ("metrics", 1): self = .metrics
        case ("tree", _), ("lab", _): self = .home
        case ("login", 1): self = .server(.logIn)
        case ("logout", 1): self = .server(.logOut)
        default: return nil
        }
    }

    private init?(words: ArraySlice<String>) {
        let rest = words.dropFirst()
        guard let first = words.first else { return nil }
        switch (first, rest.count) {
        case ("status", 0): self = .status
        case ("me", 0): self = .identity
        case ("kernelspecs", 0): self = .kernelSpecs
        case ("kernelspecs", 1): self = .kernelSpec(rest[rest.startIndex])
        case ("kernels", 0): self = .kernels
        case ("kernels", 1...2):
            let id = rest[rest.startIndex]
            guard JupyterID.isValid(id) else { return nil }
            guard rest.count == 2, let last = rest.last else {
                self = .kernel(id)
                return
            }
            switch last {
            case "channels": self = .kernelChannels(id)
            case "events": self = .kernelEvents(id)
            case "connect": self = .connect(id)
            case "execute": self = .execute(id)
            case "input": self = .input(id)
            default:
                guard let action = KernelAction(rawValue: last) else { return nil }
                self = .kernelAction(id, action)
            }
        case ("kernels", 3):
            let id = rest[rest.startIndex]
            guard JupyterID.isValid(id), rest[rest.startIndex + 1] == "requests", let uid = rest.last else {
                return nil
            }
            self = .execution(uid, of: id)
        case ("terminals", 0): self = .terminals
        case ("terminals", 1): self = .terminal(rest[rest.startIndex])
        case ("sessions", 0): self = .sessions
        case ("sessions", 1): self = .session(rest[rest.startIndex])
        case ("contents", _): self = Endpoint.contents(Array(rest))
        default:
            guard let endpoint = ServerEndpoint(words: words) else { return nil }
            self = .server(endpoint)
        }
    }

    private static func contents(_ words: [String]) -> Endpoint {
        func path(_ words: some Sequence<String>) -> String { words.joined(separator: "/") }
        if words.last == "checkpoints" { return .checkpoints(path(words.dropLast())) }
        if words.last == "trust", words.count > 1 { return .trust(path(words.dropLast())) }
        if words.count >= 2, words[words.count - 2] == "checkpoints" {
            return .checkpoint(path(words.dropLast(2)), id: words[words.count - 1])
        }
        return .contents(path(words))
    }

    /// The methods that it knows, beside OPTIONS.
    var methods: Set<String> {
        switch self {
        case .home, .version, .status, .identity, .kernelSpecs, .kernelSpec, .kernelSpecFile, .kernelChannels,
            .kernelEvents, .terminalSocket, .file, .health, .metrics:
            ["GET", "HEAD"]
        case .kernels, .sessions, .terminals, .execute: ["GET", "HEAD", "POST"]
        case .kernel, .execution, .terminal: ["GET", "HEAD", "DELETE"]
        case .kernelAction, .connect, .trust, .input: ["POST"]
        case .session: ["GET", "HEAD", "PATCH", "DELETE"]
        case .contents: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        case .checkpoints: ["GET", "HEAD", "POST"]
        case .checkpoint: ["POST", "DELETE"]
        case .server(let endpoint): endpoint.methods
        }
    }

    /// Whether everybody may ask.
    var isPublic: Bool {
        if case .server(let endpoint) = self { return endpoint.isPublic }
        return self == .version || self == .health
    }
}
