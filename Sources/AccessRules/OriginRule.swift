/// Which other sites' pages may use the server from a browser.
public struct OriginRule: Hashable, Sendable {
    private enum Kind: Hashable {
        case nobody, everybody
        case one(String)
        case pattern(String)
    }

    private let kind: Kind

    /// No other site.
    public static let nobody = OriginRule(kind: .nobody)
    /// Every site.
    public static let everybody = OriginRule(kind: .everybody)
    /// One site, such as `https://colab.research.google.com`.
    public static func one(_ origin: String) -> OriginRule {
        switch origin {
        case "": .nobody
        case "*": .everybody
        default: OriginRule(kind: .one(origin))
        }
    }
    /// Sites whose whole origin matches a regular expression; nil when it is none.
    public static func pattern(_ pattern: String) -> OriginRule? {
        if pattern.isEmpty { return nobody }
        return (try? Regex(pattern)) == nil ? nil : OriginRule(kind: .pattern(pattern))
    }

    /// Whether anything has been said about other sites.
    var isNobody: Bool { kind == .nobody }
    /// Whether every site may.
    var isEverybody: Bool { kind == .everybody }

    /// Whether pages of an origin may.
    func allows(_ origin: String) -> Bool {
        switch kind {
        case .nobody: false
        case .everybody: true
        case .one(let one): one == origin
        case .pattern(let pattern):
            if let regex = try? Regex(pattern) { (try? regex.wholeMatch(in: origin)) != nil } else { false }
        }
    }

    /// The value of `Access-Control-Allow-Origin` for pages of an origin; nil for none.
    func header(for origin: String?) -> String? {
        switch kind {
        case .nobody: nil
        case .everybody: "*"
        case .one(let one): one
        case .pattern: if let origin, allows(origin) { origin } else { nil }
        }
    }
}
