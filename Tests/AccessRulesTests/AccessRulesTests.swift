import AccessRules
import JupyterServerAPI
import Testing

@Suite("Who may use the server")
struct AccessRulesTests {
    let rules = AccessRules(token: "secret", cookieSecret: "s", place: APIPlace(base: "/b/"))
    static let now: Int64 = 1_800_000_000

    func request(
        _ method: String = "GET", _ target: AccessRequest.Target = .api,
        _ change: (inout AccessRequest) -> Void = { _ in }
    ) -> AccessRequest {
        var request = AccessRequest(method: method, target: target, uri: "/b/tree?a=1")
        request.host = "localhost:8888"
        change(&request)
        return request
    }

    func outcome(_ request: AccessRequest, _ rules: AccessRules? = nil) -> AccessDecision.Outcome {
        (rules ?? self.rules).decide(request, now: Self.now).outcome
    }

    /// The login cookie of a browser, and an `_xsrf` cookie.
    func cookies() throws -> String {
        let header = try #require(
            try rules.logIn(password: "secret", request: request(), now: Self.now - 10, user: "ada é"))
        return "_xsrf=abc; " + header.value.prefix { $0 != ";" }
    }

    @Test(
        "The token is taken from where clients put it",
        arguments: ["token secret", "Token secret", "bearer secret", "BEARER   secret"])
    func token(_ header: String) {
        #expect(outcome(request { $0.authorization = header }) == .allowed(.token))
        #expect(outcome(request("POST") { $0.authorization = header }) == .allowed(.token))
        #expect(outcome(request("GET", .webSocket) { $0.authorization = header }) == .allowed(.token))
        #expect(outcome(request { $0.tokenParameter = "secret" }) == .allowed(.token))
    }

    @Test("A wrong token or none is refused, pages lead to the login")
    func refused() {
        for header in ["token wrong", "token", "token ", "Basic secret", "secret", "token secre", "token secrett"] {
            #expect(outcome(request { $0.authorization = header }) == .refused(APIError(403)))
        }
        #expect(
            outcome(request { ($0.tokenParameter, $0.authorization) = ("x", "token secret") })
                == .refused(APIError(403)))
        #expect(outcome(request("GET", .webSocket)) == .refused(APIError(403)))
        #expect(outcome(request("GET", .page)) == .redirected("/b/login?next=%2Fb%2Ftree%3Fa%3D1"))
        #expect(outcome(request("GET", .file)) == .redirected("/b/login?next=%2Fb%2Ftree%3Fa%3D1"))
        #expect(outcome(request { $0.isPublic = true }) == .allowed(.unneeded))
        let post = APIError(403, "'_xsrf' argument missing from POST")
        #expect(outcome(request("POST", .page)) == .refused(post))
        #expect(outcome(request("POST")) == .refused(post))
    }

    @Test("A cookie reads; to change things it needs the other one repeated")
    func cookie() throws {
        let cookies = try cookies()
        #expect(outcome(request { $0.cookies = cookies }) == .allowed(.cookie(user: "ada é")))
        #expect(
            outcome(request("POST") { ($0.cookies, $0.xsrfHeader) = (cookies, "abc") })
                == .allowed(.cookie(user: "ada é")))
        #expect(
            outcome(request("DELETE") { ($0.cookies, $0.xsrfParameter) = (cookies, "abc") })
                == .allowed(.cookie(user: "ada é")))
        #expect(
            outcome(request("POST") { ($0.cookies, $0.xsrfHeader) = (cookies, "abd") })
                == .refused(APIError(403, "XSRF cookie does not match POST argument")))
        #expect(
            outcome(request("POST") { $0.cookies = cookies })
                == .refused(APIError(403, "'_xsrf' argument missing from POST")))
        let onlyLogin = String(cookies.drop { $0 != " " })
        #expect(
            outcome(request("POST") { ($0.cookies, $0.xsrfHeader) = (onlyLogin, "abc") })
                == .refused(APIError(403, "XSRF cookie does not match POST argument")))
    }

    @Test("Cookies are this server's, whole, and not old")
    func forged() throws {
        let cookies = try cookies()
        for forged in [
            cookies.replacing("|ada", with: "|eve"), String(cookies.dropLast()),
            cookies.replacing("localhost-8888", with: "localhost-9999"),
            "_xsrf=abc; username-localhost-8888=", "username-localhost-8888=1|0|a|", "username-localhost-8888=|||",
        ] {
            #expect(outcome(request { $0.cookies = forged }) == .refused(APIError(403)))
        }
        #expect(outcome(request { ($0.cookies, $0.host) = (cookies, "localhost:9999") }) == .refused(APIError(403)))
        let later = rules.decide(request { $0.cookies = cookies }, now: Self.now + 30 * 86_400)
        #expect(later.outcome == .refused(APIError(403)))
        let other = AccessRules(token: "secret", cookieSecret: "t")
        #expect(outcome(request { $0.cookies = cookies }, other) == .refused(APIError(403)))
    }

    @Test("Other sites: not found, not with the token")
    func origins() throws {
        let cookies = try cookies()
        let user = AccessDecision.Outcome.allowed(.cookie(user: "ada é"))
        func from(_ origin: String, _ method: String, _ target: AccessRequest.Target) -> AccessRequest {
            request(method, target) { ($0.cookies, $0.xsrfHeader, $0.origin) = (cookies, "abc", origin) }
        }
        #expect(outcome(from("http://localhost:8888", "GET", .webSocket)) == user)
        #expect(outcome(from("HTTP://LOCALHOST:8888", "POST", .api)) == user)
        for origin in [
            "http://evil", "null", "http://localhost:8889", "http://localhost:8888.evil", "localhost:8888", "",
        ] {
            #expect(outcome(from(origin, "GET", .api)) == .refused(APIError(404)))
            #expect(outcome(from(origin, "POST", .api)) == .refused(APIError(404)))
            #expect(
                outcome(from(origin, "GET", .webSocket))
                    == .refused(APIError(403, "Cross origin websockets not allowed")))
            var withToken = from(origin, "GET", .webSocket)
            withToken.authorization = "token secret"
            #expect(outcome(withToken) == .allowed(.token))
        }
        var open = rules
        open.origins = .one("http://evil")
        #expect(outcome(from("http://evil", "GET", .webSocket), open) == user)
        open.origins = try #require(OriginRule.pattern("https?://evil"))
        #expect(outcome(from("http://evil", "POST", .api), open) == user)
        #expect(outcome(from("http://evil.com", "POST", .api), open) == .refused(APIError(404)))
        #expect(OriginRule.pattern("(") == nil)
    }

    @Test("Files are not for other sites' links")
    func files() throws {
        let cookies = try cookies()
        func from(_ referer: String?) -> AccessRequest {
            request("GET", .file) { ($0.cookies, $0.referer) = (cookies, referer) }
        }
        #expect(outcome(from("http://localhost:8888/tree")) == .allowed(.cookie(user: "ada é")))
        #expect(outcome(from(nil)) == .refused(APIError(403, "Blocking request from unknown origin")))
        #expect(
            outcome(from("http://evil/localhost:8888"))
                == .refused(APIError(403, "Blocking Cross Origin request from http://evil/localhost:8888.")))
    }

    @Test("Hosts that are not this machine are refused before all else")
    func hosts() {
        for host in ["localhost", "localhost:1", "127.0.0.1:80", "127.9.9.9", "[::1]:80", "LocalHost"] {
            #expect(outcome(request { ($0.host, $0.isPublic) = (host, true) }) == .allowed(.unneeded))
        }
        for host in ["evil.com", "10.0.0.1", "[::2]:80", "localhost.evil.com", "127.0.0.1.evil.com", "", "0177.0.0.1"] {
            let asked = request { ($0.host, $0.authorization) = (host, "token secret") }
            #expect(outcome(asked) == .refused(APIError(403)))
            var remote = rules
            remote.allowsRemoteHosts = true
            #expect(outcome(asked, remote) == .allowed(.token))
        }
    }

    @Test("Preflights are answered without a login")
    func preflights() {
        let asked = request("OPTIONS") {
            ($0.origin, $0.requestedHeaders) = ("http://a", "content-type, Authorization")
        }
        let plain = rules.decide(asked, now: Self.now)
        #expect(plain.outcome == .preflight && plain.header("Access-Control-Allow-Origin") == nil)
        #expect(plain.header("Access-Control-Allow-Headers") == "accept, content-type, authorization, x-xsrftoken")
        #expect(plain.header("Access-Control-Allow-Methods") == "GET, PUT, POST, PATCH, DELETE, OPTIONS")
        var open = rules
        open.origins = .one("http://b")
        open.allowsCredentials = true
        let answer = open.decide(asked, now: Self.now)
        #expect(answer.header("Access-Control-Allow-Origin") == "http://a")
        #expect(answer.header("Access-Control-Allow-Credentials") == "true")
        let other = open.decide(request("OPTIONS") { $0.origin = "http://a" }, now: Self.now)
        #expect(other.header("Access-Control-Allow-Origin") == "http://b")
    }

    @Test("Headers of answers")
    func headers() throws {
        let asked = request { ($0.origin, $0.authorization) = ("http://a", "token secret") }
        let answer = rules.decide(asked, now: Self.now)
        #expect(answer.header("Access-Control-Allow-Origin") == "http://a" && answer.header("Vary") == "Origin")
        #expect(
            answer.header("Content-Security-Policy")
                == "frame-ancestors 'self'; report-uri /b/api/security/csp-report; default-src 'none'")
        let cookie = try #require(answer.header("Set-Cookie"))
        #expect(cookie.hasPrefix("username-localhost-8888=1|1800000000|anonymous|") && cookie.contains("; Path=/b/;"))
        #expect(cookie.hasSuffix("; HttpOnly"))
        let again = request {
            ($0.authorization, $0.cookies) = ("token secret", String(cookie.prefix { $0 != ";" }))
        }
        #expect(rules.decide(again, now: Self.now).header("Set-Cookie") == nil)
        #expect(
            rules.decide(request { $0.origin = "http://a" }, now: Self.now).header("Access-Control-Allow-Origin") == nil
        )
        #expect(rules.xsrfCookie("n", for: request())?.value.hasPrefix("_xsrf=n; ") ?? false)
        #expect(
            rules.xsrfCookie("n", for: again) != nil
                && rules.xsrfCookie("n", for: request { $0.cookies = "_xsrf=m" }) == nil)
    }

    @Test("Without a token everybody may, but pages of other sites")
    func withoutToken() {
        let open = AccessRules(token: "", cookieSecret: "s")
        #expect(outcome(request(), open) == .allowed(.unneeded))
        #expect(outcome(request { $0.tokenParameter = "x" }, open) == .allowed(.unneeded))
        #expect(outcome(request("POST"), open) == .refused(APIError(403, "'_xsrf' argument missing from POST")))
        #expect(outcome(request { $0.origin = "http://evil" }, open) == .refused(APIError(404)))
        var trusting = open
        trusting.checksXSRF = false
        #expect(outcome(request("POST"), trusting) == .allowed(.unneeded))
        #expect(outcome(request("POST") { $0.origin = "http://evil" }, trusting) == .refused(APIError(404)))
    }

    @Test("Logging in")
    func logIn() {
        let error = #expect(throws: APIError.self) { try rules.logIn(password: "x", request: request(), now: 0) }
        #expect(error == APIError(401, "Invalid credentials"))
        #expect(rules.logOut(request()).value == "username-localhost-8888=; Max-Age=0; Path=/b/")
        let form = rules.decide(request("GET", .form) { $0.isPublic = true }, now: 0)
        #expect(form.outcome == .allowed(.unneeded))
        #expect(form.header("Content-Security-Policy")?.contains("; default-src 'none'; ") ?? false)
        #expect(rules.pageAfterLogin("/b/tree?a=1") == "/b/tree?a=1")
        for page in [nil, "//evil", "/\\evil", "http://evil", "/b/\t/evil", "/c", "/b/\\\u{301}"] as [String?] {
            #expect(rules.pageAfterLogin(page) == "/b/")
        }
    }
}
