/// How long paths in requests may be.
public enum PathLength {
    /// Bytes of a path: one less than PATH_MAX, which counts the zero behind it (limits.h).
    public static let maximum = 4095

    /// Throws 404 for a path that no file can have: it would be looked for, and its names compared, in vain.
    public static func check(_ path: some StringProtocol) throws(APIError) {
        guard path.utf8.count > maximum else { return }
        let begin = path.unicodeScalars.prefix(40).map(String.init).joined()
        throw APIError(
            404,
            "No such file or directory: the path that begins with \(PythonText.quoted(begin)) is longer than "
                + "\(maximum) bytes")
    }
}
