/// What of the API is about the server as a whole, and not about one kernel, session or file. No input or output.
enum ServerEndpoint: Hashable {
    case config(String)
    case specification
    case resolvePath
    case shutdown
    case securityReport
    case logIn
    case logOut
    case events
    case eventSubscription
    case usage

    /// Reads what follows `api/`; nil for what names nothing of this kind.
    init?(words: ArraySlice<String>) {
        switch Array(words) {
        case ["spec.yaml"]: self = .specification
        case ["resolvePath"]: self = .resolvePath
        case ["shutdown"]: self = .shutdown
        case ["usage"]: self = .usage
        case ["events"]: self = .events
        case ["events", "subscribe"]: self = .eventSubscription
        case ["security", "csp-report"]: self = .securityReport
        case let words where words.count == 2 && words[0] == "config": self = .config(words[1])
        default: return nil
        }
    }

    /// The methods that it knows, beside OPTIONS.
    var methods: Set<String> {
        switch self {
        case .specification, .resolvePath, .logOut, .eventSubscription, .usage: ["GET", "HEAD"]
        case .logIn: ["GET", "HEAD", "POST"]
        case .config: ["GET", "HEAD", "PUT", "PATCH"]
        case .shutdown, .securityReport, .events: ["POST"]
        }
    }

    /// Whether everybody may ask.
    var isPublic: Bool { self == .logIn || self == .logOut }
}
