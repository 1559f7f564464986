/// What of a request decides whether it may pass. Header values as they came, nil where there is none.
public struct AccessRequest: Hashable, Sendable {
    /// What is asked for, because refusals differ.
    public enum Target: Hashable, Sendable {
        /// JSON.
        case api
        /// Something to look at: without a login it leads to the login page.
        case page
        /// The login form.
        case form
        /// A file of a user, which another site must not get by a link or a script.
        case file
        /// A WebSocket.
        case webSocket
    }

    /// The method, in capitals.
    public var method: String
    /// What is asked for.
    public var target: Target
    /// Whether it is for everybody, such as the server's version and the login page.
    public var isPublic = false
    /// Whether it is a browser's report of what it has refused to do: that comes from where it was refused.
    public var isReport = false
    /// The path and query, where a login leads back to.
    public var uri: String
    /// Whether it came over TLS.
    public var isSecure = false
    /// `Host`
    public var host: String?
    /// `Origin`, or with old WebSockets `Sec-WebSocket-Origin`
    public var origin: String?
    /// `Referer`
    public var referer: String?
    /// `Authorization`
    public var authorization: String?
    /// The query parameter `token`.
    public var tokenParameter: String?
    /// The query parameter or form field `_xsrf`.
    public var xsrfParameter: String?
    /// `X-XSRFToken`, or `X-CSRFToken`
    public var xsrfHeader: String?
    /// `Access-Control-Request-Headers`
    public var requestedHeaders: String?
    /// `Cookie`, all of them joined by `; `
    public var cookies: String?

    /// A request without any headers.
    public init(method: String, target: Target, uri: String = "/") {
        self.method = method
        self.target = target
        self.uri = uri
    }

    /// What has to be repeated to show that a page of this server asks; nil without the cookie.
    public var xsrfCookie: String? { cookies(named: "_xsrf").first }

    /// The values of a cookie, in order: a browser may have it for more than one path.
    func cookies(named name: String) -> [String] {
        (cookies ?? "").split(separator: ";").compactMap { pair in
            let pair = pair.drop { $0 == " " }
            guard let equals = pair.firstIndex(of: "="), pair[..<equals] == name else { return nil }
            var value = pair[pair.index(after: equals)...]
            while value.last == " " { value = value.dropLast() }
            if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
            return String(value)
        }
    }
}
