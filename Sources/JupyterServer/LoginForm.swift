import AccessRules
import Glibc
import HTTPTypes
import Hummingbird
import JupyterServerAPI

/// `/login`: a form for the token, and the cookie that a browser gets for it (Jupyter Server, `LoginFormHandler`).
struct LoginForm: Sendable {
    let rules: AccessRules

    /// Decides about a request and answers it. Returns the headers that the answer has beside its own, too.
    func answer(
        _ request: inout Request, _ query: [String: String], _ context: GatewayContext
    ) async throws -> (Answer, [AccessDecision.Header]) {
        let endpoint = Endpoint.server(.logIn)
        var access = AccessRequest(request.head, target: .form, query: query, endpoint: endpoint)
        var fields: [String: String] = [:]
        var isTooLong = false
        if access.method == "POST" {
            // What shows that a page of this server asks is in the form itself.
            let body = try await request.body(for: endpoint, context)
            isTooLong = body == nil
            fields = LoginForm.fields(body ?? [], of: request)
            access.xsrfParameter = access.xsrfParameter ?? fields["_xsrf"]
        }
        let decision = rules.decide(access, now: Int64(time(nil)))
        if isTooLong { return (.tooLong(endpoint), decision.headers) }
        let xsrf = access.xsrfCookie ?? JupyterID.random()
        let cookie = rules.xsrfCookie(xsrf, for: access)
        var answer = answer(access, decision.outcome, next: query["next"], password: fields["password"] ?? "", xsrf)
        if access.method != "POST", request.hasLongBody { answer = answer.last }
        return (answer, decision.headers + (cookie.map { [$0] } ?? []))
    }

    private func answer(
        _ access: AccessRequest, _ outcome: AccessDecision.Outcome, next: String?, password: String, _ xsrf: String
    ) -> Answer {
        switch (outcome, access.method) {
        case (.preflight, _): return Answer(status: 200)
        case (.redirected(let place), _): return LoginForm.redirect(to: place)
        // Of a form that has grown old its user can fill in the next.
        case (.refused(let error), "POST") where error.status == 403: return LoginForm.page(error, xsrf)
        case (.refused(let error), _): return .refusal(error)
        case (.allowed(let credential), "GET"), (.allowed(let credential), "HEAD"):
            guard credential != .unneeded || !rules.needsToken else { return LoginForm.page(nil, xsrf) }
            return LoginForm.redirect(to: rules.pageAfterLogin(next))
        case (.allowed, "POST"):
            do {
                let cookie = try rules.logIn(password: password, request: access, now: Int64(time(nil)))
                var answer = LoginForm.redirect(to: rules.pageAfterLogin(next))
                if let cookie { answer.headers.append((cookie.name, cookie.value)) }
                return answer
            } catch { return LoginForm.page(error, xsrf) }
        case (.allowed, _): return .refusal(APIError(405))
        }
    }

    /// The fields of a form in a request's body.
    private static func fields(_ body: [UInt8], of request: Request) -> [String: String] {
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased()
        guard type == "application/x-www-form-urlencoded" else { return [:] }
        return APIRequest.query(String(decoding: body, as: UTF8.self))
    }

    private static func redirect(to place: String) -> Answer { Answer(status: 302, headers: [("Location", place)]) }

    /// The form. It is sent to where it has come from, with what stands there behind `next`.
    private static func page(_ error: APIError?, _ xsrf: String) -> Answer {
        let failure = error.map { "<p role=\"alert\"><strong>\(escaped($0.message))</strong></p>\n" } ?? ""
        let html = """
            <!DOCTYPE html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Husk</title>
            <h1>Husk</h1>
            \(failure)<form method="post">
            <input type="hidden" name="_xsrf" value="\(escaped(xsrf))">
            <p><label>Token: <input type="password" name="password" autocomplete="current-password" autofocus></label>
            <button>Log in</button></p>
            </form>
            <p>It stands in the URL that husk serve has shown when it started, behind <code>token=</code>.</p>
            </html>

            """
        return Answer(
            status: error?.status ?? 200,
            headers: [("Content-Type", "text/html; charset=UTF-8"), ("Cache-Control", "no-store")],
            body: Array(html.utf8))
    }

    /// A text in HTML, between tags or quotes: anybody may have made the cookie.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
