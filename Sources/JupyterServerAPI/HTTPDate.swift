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

    /// The seconds since 1970 of a date in this form, which is the only one that clients make today; nil for another.
    public static func seconds(_ text: String) -> Int64? {
        let parts = text.split { " :".contains($0) }.map(String.init)
        guard parts.count == 8, parts[7] == "GMT", text.utf8.count == 29,
            days.contains(where: { "\($0)," == parts[0] }),
            let month = months.firstIndex(of: parts[2])
        else { return nil }
        let digits = [1, 3, 4, 5, 6].map { parts[$0] }
        guard digits.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else { return nil }
        let numbers = digits.compactMap { Int64($0) }
        guard numbers.count == 5, (1...31).contains(numbers[0]), numbers[2] < 24, numbers[3] < 60, numbers[4] <= 60
        else { return nil }
        // Years that begin in March have their odd day at the end; 719468 days lead from the year 0 to 1970.
        let march = Int64((month + 10) % 12)
        let year = numbers[1] - (month < 2 ? 1 : 0)
        let leaps = year / 4 - year / 100 + year / 400
        let day = year * 365 + leaps + (march * 153 + 2) / 5 + numbers[0] - 1 - 719_468
        return day * 86_400 + numbers[2] * 3600 + numbers[3] * 60 + numbers[4]
    }
}
