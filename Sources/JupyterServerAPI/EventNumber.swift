/// The number of an event, as clients say what they have.
public enum EventNumber {
    /// Reads one: digits only, and 64 bits at most. Throws 400, `bad_sequence`, for everything else.
    public static func read(_ text: String) throws(APIError) -> UInt64 {
        // Swift's own reading takes a sign, too.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text) else {
            throw APIError(400, "Not the number of an event: \(PythonText.quoted(text))", reason: "bad_sequence")
        }
        return number
    }

    /// The number in a query's `since`; nil without one. Throws 400 for what is none.
    public static func read(since query: [String: String]) throws(APIError) -> UInt64? {
        guard let text = query["since"] else { return nil }
        return try read(text)
    }
}
