/// Comparisons that take the same time wherever texts differ, so that nobody guesses a secret byte by byte.
enum ConstantTime {
    static func isEqual(_ given: String, _ secret: String) -> Bool {
        let given = Array(given.utf8)
        let secret = Array(secret.utf8)
        var difference: UInt8 = given.count == secret.count ? 0 : 1
        for index in secret.indices { difference |= secret[index] ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }
}
