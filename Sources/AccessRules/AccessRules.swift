import JupyterProtocol
public import JupyterServerAPI

/// Who may use the server, as Jupyter Server decides it (its documentation, "Security in the Jupyter Server").
///
/// The token is for programs and for a browser's first page, which then has a cookie. A request with the token needs
/// nothing else; one with the cookie may have been made by a page of another site, and has to show that it was not:
/// by its origin, and by repeating the `_xsrf` cookie, which only pages of this server can read.
public struct AccessRules: Sendable {
    /// Whether the server may be called by other names than this machine's.
    public var allowsRemoteHosts = false
    /// Names in `Host` that mean this machine, beside its loopback addresses.
    public var localNames: Set<String> = ["localhost"]
    /// Which other sites may use the server.
    public var origins = OriginRule.nobody
    /// Whether browsers may send cookies along with requests of other sites.
    public var allowsCredentials = false
    /// Whether requests without the token have to repeat the `_xsrf` cookie.
    public var checksXSRF = true

    let place: APIPlace
    /// Whether anything has to be shown at all.
    public var needsToken: Bool { !token.isEmpty }
    private let token: String
    private let cookie: LoginCookie?

    /// Makes the rules of a server.
    ///
    /// - Parameters:
    ///   - token: what lets in; empty lets everybody in, as far as origins and XSRF go.
    ///   - cookieSecret: what login cookies are signed with; with an empty one there are no cookies.
    ///   - place: where the server's URLs begin.
    public init(token: String, cookieSecret: String, place: APIPlace = APIPlace()) {
        self.token = token
        self.place = place
        cookie = SigningKey(scheme: "hmac-sha256", key: cookieSecret).flatMap {
            $0.isSigning ? LoginCookie(key: $0) : nil
        }
    }

    /// Decides about a request.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - user: who a request is from that has the token and no cookie.
    public func decide(_ request: AccessRequest, now: Int64, user: String = "anonymous") -> AccessDecision {
        guard allowsRemoteHosts || HostName.isLocal(request.host ?? "127.0.0.1", names: localNames) else {
            return AccessDecision(outcome: .refused(APIError(403)), headers: constantHeaders(request))
        }
        if request.method == "OPTIONS", request.target != .webSocket { return preflight(request) }
        let credential = credential(of: request, now: now)
        var decision = AccessDecision(
            outcome: outcome(request, credential),
            headers: constantHeaders(request) + crossOriginHeaders(request, credential))
        if credential == .token, request.target != .webSocket, let cookie, let host = request.host {
            let name = LoginCookie.name(host: host)
            if cookieUser(of: request, now: now) == nil {
                decision.headers.append(
                    setCookie(name, cookie.value(user: user, name: name, now: now), request, isHidden: true))
            }
        }
        return decision
    }

    /// Checks what was typed into the login form: the token. Throws 401.
    ///
    /// Returns the cookie that lets in from then on.
    public func logIn(
        password: String, request: AccessRequest, now: Int64, user: String = "anonymous"
    ) throws(APIError) -> AccessDecision.Header? {
        guard !needsToken || ConstantTime.isEqual(password, token) else { throw APIError(401, "Invalid credentials") }
        guard let cookie, let host = request.host else { return nil }
        let name = LoginCookie.name(host: host)
        return setCookie(name, cookie.value(user: user, name: name, now: now), request, isHidden: true)
    }

    /// The header that takes the login cookie away.
    public func logOut(_ request: AccessRequest) -> AccessDecision.Header {
        AccessDecision.Header(
            "Set-Cookie", "\(LoginCookie.name(host: request.host ?? ""))=; Max-Age=0; Path=\(place.base)")
    }

    /// The header that gives a page its `_xsrf` cookie; nil when it has one.
    ///
    /// - Parameter value: letters, digits and hyphens that nobody can guess.
    public func xsrfCookie(
        _ value: String = JupyterID.random(), for request: AccessRequest
    ) -> AccessDecision.Header? {
        guard request.xsrfCookie == nil else { return nil }
        return setCookie("_xsrf", value, request, isHidden: false)
    }

    /// Where a login leads to: the page that was asked for, if it is one of this server, or its first one.
    public func pageAfterLogin(_ next: String?) -> String {
        // Browsers take a backslash for a slash, and two slashes for the begin of a host.
        guard let next, next.utf8.starts(with: place.base.utf8), !next.utf8.starts(with: "//".utf8),
            next.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return place.base }
        return next
    }

    private func setCookie(
        _ name: String, _ value: String, _ request: AccessRequest, isHidden: Bool
    ) -> AccessDecision.Header {
        AccessDecision.Header(
            "Set-Cookie",
            "\(name)=\(value); Max-Age=\(LoginCookie.lifetime); Path=\(place.base); SameSite=Lax"
                + (isHidden ? "; HttpOnly" : "") + (request.isSecure ? "; Secure" : ""))
    }

    private func cookieUser(of request: AccessRequest, now: Int64) -> String? {
        guard let cookie, let host = request.host else { return nil }
        let name = LoginCookie.name(host: host)
        return request.cookies(named: name).lazy.compactMap { cookie.user(of: $0, name: name, now: now) }.first
    }

    /// By what a request may pass; nil when by nothing. A token is worth more than a cookie: it was meant.
    private func credential(of request: AccessRequest, now: Int64) -> AccessDecision.Credential? {
        if needsToken, let given = AccessRules.token(of: request), ConstantTime.isEqual(given, token) {
            return .token
        }
        if let user = cookieUser(of: request, now: now) { return .cookie(user: user) }
        return needsToken ? nil : .unneeded
    }

    /// The parameter, or what follows `token` or `Bearer` in the header.
    private static func token(of request: AccessRequest) -> String? {
        if let parameter = request.tokenParameter, !parameter.isEmpty { return parameter }
        guard let header = request.authorization, let space = header.firstIndex(where: { $0 == " " || $0 == "\t" }),
            ["token", "bearer"].contains(header[..<space].lowercased())
        else { return nil }
        return String(header[space...].drop { $0 == " " || $0 == "\t" })
    }
}
