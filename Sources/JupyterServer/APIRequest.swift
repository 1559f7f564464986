import JupyterServerAPI

/// A request, as the handlers of the API need it.
struct APIRequest: Sendable {
    let method: String
    let query: [String: String]
    /// Those of its header fields that mean something to the API, by their names in small letters.
    var fields: [String: String] = [:]
    let body: [UInt8]

    /// Takes a query apart; of two members of a name the last counts.
    static func query(_ text: some StringProtocol) -> [String: String] {
        var members: [String: String] = [:]
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let words = parts.map { part in
                // A plus is a space in a query, and nowhere else (HTML, "application/x-www-form-urlencoded").
                PercentEncoding.decoded(
                    String(decoding: part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }, as: UTF8.self))
            }
            if let name = words.first { members[name] = words.count > 1 ? words[1] : "" }
        }
        return members
    }
}
