/// Writes JSON texts: escaped, and valid UTF-8 whatever comes in.
public enum JSONText {
    private static let hexadecimal = Array("0123456789abcdef".utf8)

    /// Appends `bytes` as a quoted JSON string. Bytes that are not UTF-8 become U+FFFD.
    public static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        bytes.withUnsafeBufferPointer { buffer in
            if UTF8Check.isValid(buffer) {
                appendValid(buffer, to: &output)
            } else {
                append(String(decoding: buffer, as: UTF8.self), to: &output)
            }
        }
    }

    /// Appends `text` as a quoted JSON string.
    public static func append(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendValid($0, to: &output) }
    }

    private static func appendValid(_ bytes: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + bytes.count + 2)
        output.append(UInt8(ascii: "\""))
        // Runs without anything to escape are copied whole.
        var start = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
            start = index + 1
            appendEscape(byte, to: &output)
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        output.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0a: output.append(UInt8(ascii: "n"))
        case 0x0c: output.append(UInt8(ascii: "f"))
        case 0x0d: output.append(UInt8(ascii: "r"))
        default:
            output.append(contentsOf: [
                UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), hexadecimal[Int(byte >> 4)],
                hexadecimal[Int(byte & 15)],
            ])
        }
    }
}

/// Whether bytes are UTF-8, without making a string of them.
enum UTF8Check {
    static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            if lead < 0x80 {
                index += 1
                continue
            }
            let length: Int
            var lowest: UInt8 = 0x80
            var highest: UInt8 = 0xbf
            // Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
            switch lead {
            case 0xc2...0xdf: length = 2
            case 0xe0: (length, lowest) = (3, 0xa0)
            case 0xe1...0xec, 0xee...0xef: length = 3
            case 0xed: (length, highest) = (3, 0x9f)
            case 0xf0: (length, lowest) = (4, 0x90)
            case 0xf1...0xf3: length = 4
            case 0xf4: (length, highest) = (4, 0x8f)
            default: return false
            }
            guard bytes.count - index >= length, (lowest...highest).contains(bytes[index + 1]) else { return false }
            for offset in 2..<max(2, length) where bytes[index + offset] & 0xc0 != 0x80 { return false }
            index += length
        }
        return true
    }
}
