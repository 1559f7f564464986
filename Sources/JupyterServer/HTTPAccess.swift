import AccessRules
import HTTPTypes

/// What of an HTTP request decides whether it may pass.
extension AccessRequest {
    /// Reads it off a request whose query has been taken apart.
    init(_ head: HTTPRequest, target: Target, query: [String: String], endpoint: Endpoint? = nil) {
        self.init(method: head.method.rawValue, target: target, uri: head.path ?? "/")
        isPublic = endpoint?.isPublic ?? false
        isReport = endpoint == .server(.securityReport)
        isSecure = head.scheme == "https"
        host = head.authority
        origin = head.headerFields[.origin] ?? HTTPField.Name("Sec-WebSocket-Origin").flatMap { head.headerFields[$0] }
        referer = head.headerFields[.referer]
        authorization = head.headerFields[.authorization]
        tokenParameter = query["token"]
        xsrfParameter = query["_xsrf"]
        xsrfHeader =
            ["X-XSRFToken", "X-CSRFToken"].lazy.compactMap {
                HTTPField.Name($0).flatMap { head.headerFields[$0] }
            }.first
        requestedHeaders = head.headerFields[.accessControlRequestHeaders]
        let cookies = head.headerFields[values: .cookie]
        self.cookies = cookies.isEmpty ? nil : cookies.joined(separator: "; ")
    }
}
