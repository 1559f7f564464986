/// Bytes as lower-case hexadecimal digits.
public enum Hexadecimal {
    /// Two digits a byte.
    public static func text(of bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// So many digits that nobody can guess.
    public static func random(digits count: Int) -> String {
        String(text(of: (0..<(count + 1) / 2).map { _ in UInt8.random(in: 0...255) }).prefix(count))
    }
}
