/// Base64 (RFC 4648).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let lineLength = 76

    /// The text of bytes.
    ///
    /// - Parameter inLines: whether it is broken into lines, as Python's `encodebytes` does.
    public static func encode(_ bytes: [UInt8], inLines: Bool = true) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 3 * 4 + bytes.count / 57 + 8)
        var column = 0
        var index = 0
        while index < bytes.count {
            let rest = min(3, bytes.count - index)
            let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < rest ? UInt32(bytes[index + $1]) : 0) }
            for place in 0..<4 {
                let code = alphabet[Int(group >> UInt32(18 - 6 * place) & 63)]
                text.append(place <= rest ? code : UInt8(ascii: "="))
            }
            index += 3
            column += 4
            if inLines, column == lineLength || index >= bytes.count {
                text.append(UInt8(ascii: "\n"))
                column = 0
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes; nil for a text that ends in the middle of them. What is not of the alphabet is passed over, as
    /// Python does.
    public static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") {
                padding += 1
                if count % 4 >= 2, count % 4 + padding >= 4 { break }
                continue
            }
            guard let value = value(of: byte) else { continue }
            padding = 0
            bits = bits << 6 | UInt32(value)
            count += 1
            if count % 4 == 0 {
                bytes.append(contentsOf: [
                    UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
                    UInt8(truncatingIfNeeded: bits),
                ])
                bits = 0
            }
        }
        switch (count % 4, padding) {
        case (0, _): return bytes
        case (2, 2...):
            bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
            return bytes
        case (3, 1...):
            bytes.append(contentsOf: [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)])
            return bytes
        default: return nil
        }
    }

    private static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
