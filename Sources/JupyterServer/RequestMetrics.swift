import HTTPTypes
import Metrics

/// What becomes of requests, counted. Every label is one of few: none is a client's own word.
enum RequestMetrics {
    private static let methods: Set<String> = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

    /// A request's method, if it is one of those that the API knows.
    static func method(_ head: HTTPRequest) -> String {
        knows(head) ? head.method.rawValue : "other"
    }

    /// Whether its method is one of those that the API knows for anything.
    static func knows(_ head: HTTPRequest) -> Bool { methods.contains(head.method.rawValue) }

    /// A request has been answered.
    ///
    /// - Parameters:
    ///   - route: the shape of its path.
    ///   - time: how long that took, up to the answer's head.
    static func count(_ method: String, _ route: String, status: Int, time: Duration) {
        Counter(
            label: "husk_http_requests_total",
            dimensions: [
                ("method", method), ("route", route),
                ("status", "\(min(max(status / 100, 1), 5))xx"),
            ]
        ).increment()
        Timer(label: "husk_http_request_seconds", dimensions: [("route", route)]).record(duration: time)
    }
}
