import JupyterProtocol

/// Dates in headers, such as `Last-Modified` (RFC 9110, section 5.6.7).
public enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// For example `Mon, 23 Nov 2026 20:00:00 GMT`.
    ///
    /// - Parameter microseconds: since 1970, within the years from 1 to 9999.
    public static func text(microseconds: Int64) -> String {
        let day = 86_400_000_000 as Int64
        let number = microseconds / day - (microseconds % day < 0 ? 1 : 0)
        let date = Timestamp.iso8601(microseconds: microseconds)
        let parts = date.split { "-T.".contains($0) }
        guard parts.count == 5, let month = Int(parts[1]), months.indices.contains(month - 1) else { return date }
        let weekday = days[Int((number % 7 + 7) % 7)]
        return "\(weekday), \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]) GMT"
    }
}
