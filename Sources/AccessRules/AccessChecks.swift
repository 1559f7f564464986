import JupyterServerAPI

extension AccessRules {
    /// The checks of a request from a host that may, in the order of Jupyter Server: the first that fails is named.
    func outcome(_ request: AccessRequest, _ credential: AccessDecision.Credential?) -> AccessDecision.Outcome {
        let isReading = ["GET", "HEAD"].contains(request.method)
        if credential != .token, checksXSRF, !isReading, !request.isReport, let error = xsrfError(request) {
            return .refused(error)
        }
        if credential == nil, !request.isPublic {
            guard request.target == .page || request.target == .file, isReading else { return .refused(APIError(403)) }
            return .redirected("\(place.base)login?next=\(AccessRules.queryValue(request.uri))")
        }
        if credential != .token {
            switch request.target {
            case .api: if !request.isReport, !isFromHere(request) { return .refused(APIError(404)) }
            case .webSocket:
                if !isFromHere(request) { return .refused(APIError(403, "Cross origin websockets not allowed")) }
            case .file:
                if checksXSRF, isReading, xsrfError(request) != nil, let error = refererError(request) {
                    return .refused(error)
                }
            case .page, .form: break
            }
        }
        return .allowed(credential ?? .unneeded)
    }

    /// Why a request is not known to be made by a page of this server; nil when it is.
    private func xsrfError(_ request: AccessRequest) -> APIError? {
        guard isFromHere(request) else { return APIError(404) }
        let given = [request.xsrfParameter, request.xsrfHeader].compactMap { $0 }.first { !$0.isEmpty }
        guard let given else { return APIError(403, "'_xsrf' argument missing from POST") }
        guard request.cookies(named: "_xsrf").contains(where: { ConstantTime.isEqual(given, $0) }) else {
            return APIError(403, "XSRF cookie does not match POST argument")
        }
        return nil
    }

    /// Whether a request comes from a page of this server, of a site that may, or from no page.
    private func isFromHere(_ request: AccessRequest) -> Bool {
        guard !origins.isEverybody, let origin = request.origin?.lowercased(), let host = request.host?.lowercased()
        else { return true }
        return HostName.authority(of: origin) == host || origins.allows(origin)
    }

    private func refererError(_ request: AccessRequest) -> APIError? {
        if origins.isEverybody { return nil }
        guard let referer = request.referer, !referer.isEmpty else {
            return APIError(403, "Blocking request from unknown origin")
        }
        let refused = APIError(403, "Blocking Cross Origin request from \(referer).")
        guard let host = request.host else { return refused }
        let isAllowed = HostName.authority(of: referer) == host || origins.allows(HostName.origin(of: referer))
        return isAllowed ? nil : refused
    }

    /// The answer to a browser that asks what a page of another site may do. Nobody logs in for it.
    func preflight(_ request: AccessRequest) -> AccessDecision {
        var headers = constantHeaders(request) + crossOriginHeaders(request, nil)
        headers.append(.init("Access-Control-Allow-Headers", "accept, content-type, authorization, x-xsrftoken"))
        headers.append(.init("Access-Control-Allow-Methods", "GET, PUT, POST, PATCH, DELETE, OPTIONS"))
        let asked = (request.requestedHeaders ?? "").lowercased().split { $0 == "," || $0 == " " }
        // The request to come has a token, or is refused.
        if asked.contains("authorization"), !origins.isNobody, needsToken, let origin = request.origin {
            headers.removeAll { $0.name == "Access-Control-Allow-Origin" }
            headers.append(.init("Access-Control-Allow-Origin", origin))
        }
        return AccessDecision(outcome: .preflight, headers: headers)
    }

    /// What lets a page of another site read the answer.
    func crossOriginHeaders(
        _ request: AccessRequest, _ credential: AccessDecision.Credential?
    ) -> [AccessDecision.Header] {
        if request.target == .webSocket { return [] }
        var headers: [AccessDecision.Header] = []
        if let origin = origins.header(for: request.origin) {
            headers.append(.init("Access-Control-Allow-Origin", origin))
        } else if origins.isNobody, credential == .token, let origin = request.origin {
            headers.append(.init("Access-Control-Allow-Origin", origin))
        }
        if let origin = request.origin, headers.first?.value == origin { headers.append(.init("Vary", "Origin")) }
        if allowsCredentials { headers.append(.init("Access-Control-Allow-Credentials", "true")) }
        return headers
    }

    /// What keeps answers from being taken for something else, or shown within other sites.
    func constantHeaders(_ request: AccessRequest) -> [AccessDecision.Header] {
        if request.target == .webSocket { return [] }
        var policy = "frame-ancestors 'self'; report-uri \(place.base)api/security/csp-report"
        switch request.target {
        case .api: policy += "; default-src 'none'"
        case .file: policy += "; sandbox allow-scripts"
        case .form: policy += "; default-src 'none'; img-src 'self'; form-action 'self'; base-uri 'none'"
        case .page, .webSocket: break
        }
        return [.init("X-Content-Type-Options", "nosniff"), .init("Content-Security-Policy", policy)]
    }

    private static func queryValue(_ text: String) -> String {
        PercentEncoding.encoded(path: text).split(separator: "/", omittingEmptySubsequences: false)
            .joined(separator: "%2F")
    }
}
